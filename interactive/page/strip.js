/** Draws the timeline. */
import { toRuns } from "./session.js";

const [PICTURES, MARKS, FOOT, GAP] = [46, 14, 6, 1]; // heights in CSS pixels
const [ROWS, TALLEST, LOWEST] = [56, 9, 3];

/** Tell the heights of the timeline's parts for a number of objects. */
export function heights(/** @type {number} */ objects) {
  const rows = Math.max(1, objects); // one is kept free, so that the first object moves nothing
  const row = Math.max(LOWEST, Math.min(TALLEST, Math.floor(ROWS / rows)));
  return { row, all: PICTURES + MARKS + row * rows + FOOT };
}

/**
 * Draw the timeline.
 * @param {CanvasRenderingContext2D} context
 * @param {import("./store.js").State} state
 * @param {{offset: number, width: number, height: number, edge: number, perFrame: number}} view
 * @param {(frame: number) => ImageBitmap|undefined} thumb
 * @returns {number[]} the frames whose thumbnails are in sight
 */
export function drawStrip(context, state, view, thumb) {
  const style = getComputedStyle(context.canvas);
  const colour = (name) => style.getPropertyValue(`--${name}`).trim();
  const { session } = state;
  const x = (frame) => view.edge + frame * view.perFrame - view.offset;
  context.fillStyle = colour("panel");
  context.fillRect(0, 0, view.width, view.height);
  const frames = drawThumbs(context, session, view, x, thumb, colour("ground"));
  drawMarks(context, session, x, view, colour);
  const { row } = heights(session.objects.length);
  for (const [index, { id, colour: own }] of session.objects.entries()) {
    const top = PICTURES + MARKS + index * row;
    context.globalAlpha = state.hidden.includes(id) ? 0.25 : 1;
    drawRuns(context, session.presence.get(id), x, top, row - GAP, own, view);
    context.globalAlpha = 1;
  }
  drawHead(context, x(state.frame) + view.perFrame / 2, view, colour);
  return frames;
}

function drawThumbs(context, session, view, x, thumb, ground) {
  const { video } = session;
  const width = Math.max(24, (PICTURES * video.width) / video.height);
  const every = Math.max(1, width / view.perFrame);
  const first = Math.floor(view.offset / view.perFrame / every);
  const last = Math.ceil((view.offset + view.width) / view.perFrame / every);
  const frames = [];
  context.save();
  context.beginPath();
  context.rect(view.edge, 0, view.width - 2 * view.edge, PICTURES);
  context.clip();
  for (let index = first; index <= last; index++) {
    const frame = Math.min(video.frames - 1, Math.floor((index + 0.5) * every));
    if (index < 0 || index * every >= video.frames) continue;
    const end = Math.min(x((index + 1) * every), x(video.frames));
    const picture = thumb(frame);
    frames.push(frame);
    context.fillStyle = ground;
    context.fillRect(x(index * every), 0, end - x(index * every), PICTURES);
    if (!picture) continue;
    const shown = Math.min(width, end - x(index * every)); // a piece at the end shows its part
    context.drawImage(
      picture,
      0,
      0,
      (picture.width * shown) / width,
      picture.height,
      x(index * every),
      0,
      shown,
      PICTURES,
    );
  }
  context.restore();
  return frames;
}

function drawMarks(context, session, x, view, colour) {
  const middle = PICTURES + MARKS / 2;
  context.fillStyle = colour("line");
  context.fillRect(view.edge, middle - 1.5, view.width - 2 * view.edge, 3);
  drawRuns(context, session.computed, x, middle - 1.5, 3, colour("accent-hover"), view);
  for (const [frames, isFilled, own] of [
    [session.interacted, true, colour("good")],
    [session.changed, false, colour("mark")],
  ]) {
    for (const frame of frames)
      drawDiamond(context, x(frame) + view.perFrame / 2, middle, isFilled, own, colour("panel"));
  }
}

function drawDiamond(context, x, y, /** @type {boolean} */ isFilled, own, ground) {
  context.beginPath();
  for (const [dx, dy] of [
    [0, -5.5],
    [5.5, 0],
    [0, 5.5],
    [-5.5, 0],
  ])
    context.lineTo(x + dx, y + dy);
  context.closePath();
  context.fillStyle = isFilled ? own : ground;
  context.fill();
  [context.lineWidth, context.strokeStyle] = [isFilled ? 1.5 : 2, isFilled ? ground : own];
  context.stroke();
}

function drawRuns(context, /** @type {Uint8Array} */ flags, x, top, height, own, view) {
  context.fillStyle = own;
  for (const [first, last] of toRuns(flags)) {
    const [left, right] = [Math.max(view.edge, x(first)), Math.min(view.width - view.edge, x(last + 1))];
    if (right > left) context.fillRect(left, top, Math.max(1, right - left), height);
  }
}

function drawHead(context, x, view, colour) {
  context.fillStyle = colour("panel");
  context.fillRect(x - 2, 0, 4, view.height);
  context.fillStyle = colour("focus");
  context.fillRect(x - 1, 0, 2, view.height);
  context.beginPath();
  context.moveTo(x - 6, 0);
  context.lineTo(x + 6, 0);
  context.lineTo(x, 8);
  context.fill();
}
