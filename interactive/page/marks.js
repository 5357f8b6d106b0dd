/** Draws what lies over the picture: strokes, boxes, the region to work on, the brush and the keyboard's cursor. */
import { tracePath } from "./layers.js";
import { colourMap } from "./session.js";

const [PEN, CASING] = [3, 6]; // CSS pixels

/**
 * Draw the marks of the frame that is shown.
 * @param {CanvasRenderingContext2D} context
 * @param {import("./store.js").State} state
 * @param {import("./look.js").Place} at
 */
export function drawMarks(context, state, at) {
  const { session, pending, stroke, frame } = state;
  const colours = colourMap(session);
  const isShown = state.covered && ["overlay", "popup"].includes(state.view);
  const open = session.strokes?.frame === frame && isShown ? session.strokes.strokes : [];
  for (const { points, object, box } of open) drawStroke(context, at, points, colours.get(object), box, 0.75);
  for (const one of [...pending, ...(stroke ? [stroke] : [])]) {
    const isHere = one.frame === frame && one.kind !== "draw";
    if (isHere)
      drawStroke(
        context,
        at,
        one.points,
        one.kind === "region" ? "#ffffff" : colours.get(one.object),
        one.kind !== "scribble",
        1,
      );
  }
  if (state.region) drawRegion(context, at, state.region);
  if (state.pointer) drawPointer(context, state, at, colours.get(state.object));
}

function drawStroke(context, at, points, colour, /** @type {boolean} */ isBox, /** @type {number} */ alpha) {
  context.save();
  context.globalAlpha = alpha;
  context.lineCap = context.lineJoin = "round";
  if (isBox) traceBox(context, at, points);
  else tracePath(context, points, at.scale, at.left, at.top);
  context.lineWidth = CASING;
  context.strokeStyle = colour ? "rgb(255 255 255 / 90%)" : "rgb(0 0 0 / 75%)";
  context.stroke();
  context.lineWidth = PEN;
  context.strokeStyle = colour ?? "#fff";
  if (!colour) context.setLineDash([1, 6]);
  context.stroke();
  context.restore();
}

function traceBox(context, at, points) {
  const [[x0, y0], [x1, y1]] = [points[0], points[points.length - 1]];
  context.beginPath();
  context.rect(at.left + x0 * at.scale, at.top + y0 * at.scale, (x1 - x0) * at.scale, (y1 - y0) * at.scale);
}

function drawRegion(context, at, /** @type {number[]} */ [left, top, right, bottom]) {
  context.save();
  context.fillStyle = "rgb(0 0 0 / 45%)";
  context.beginPath();
  context.rect(at.left, at.top, at.width, at.height);
  context.rect(
    at.left + left * at.scale,
    at.top + top * at.scale,
    (right - left) * at.scale,
    (bottom - top) * at.scale,
  );
  context.fill("evenodd");
  context.setLineDash([5, 4]);
  context.strokeStyle = "#fff";
  traceBox(context, at, [
    [left, top],
    [right, bottom],
  ]);
  context.stroke();
  context.restore();
}

function drawPointer(context, /** @type {import("./store.js").State} */ state, at, colour) {
  const [x, y] = [at.left + state.pointer.x * at.scale, at.top + state.pointer.y * at.scale];
  const isBrush = state.tool === "brush" || state.tool === "eraser";
  context.save();
  if (isBrush) {
    for (const [width, style] of [
      [3, "rgb(0 0 0 / 60%)"],
      [1.3, state.tool === "eraser" || !colour ? "#fff" : colour],
    ]) {
      context.beginPath();
      context.arc(x, y, Math.max(1, (state.thickness / 2) * at.scale), 0, 2 * Math.PI);
      [context.lineWidth, context.strokeStyle] = [width, style];
      context.stroke();
    }
  }
  if (state.cursor) {
    for (const [width, style] of [
      [4, "#000"],
      [1.6, "#fff"],
    ]) {
      context.beginPath();
      for (const [dx, dy] of [
        [1, 0],
        [-1, 0],
        [0, 1],
        [0, -1],
      ]) {
        context.moveTo(x + dx * 4, y + dy * 4);
        context.lineTo(x + dx * 14, y + dy * 14);
      }
      [context.lineWidth, context.strokeStyle] = [width, style];
      context.stroke();
    }
  }
  context.restore();
}
