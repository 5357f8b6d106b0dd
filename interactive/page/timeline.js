/** The timeline: thumbnails, marks, ranges and presence in one canvas that zooms, scrolls and moves the playhead. */
import { byId, mark } from "./dom.js";
import { pictureKey, THUMB } from "./media.js";
import { onChange } from "./store.js";
import { drawStrip, heights } from "./strip.js";

const [EDGE, MOST] = [10, 60]; // CSS pixels: margin at both ends, and a frame's width at the largest

/** Make and keep the timeline. */
export function mountTimeline(/** @type {import("./main.js").App} */ { store, actions, media }) {
  const canvas = byId("strip");
  const view = { zoom: 1, offset: 0, width: 1, height: 1, edge: EDGE, perFrame: 1 };
  let isDragged = false;
  let isStale = false;

  const invalidate = () => {
    if (!isStale) requestAnimationFrame(draw);
    isStale = true;
  };

  function draw() {
    isStale = false;
    const state = store.get();
    const box = canvas.getBoundingClientRect();
    if (!state.session || box.width < 1) return;
    const wanted = heights(state.session.objects.length).all;
    if (Math.round(box.height) !== wanted) canvas.style.height = `${wanted}px`;
    const dense = Math.min(2, devicePixelRatio || 1);
    const size = [Math.round(box.width * dense), Math.round(wanted * dense)];
    if (canvas.width !== size[0] || canvas.height !== size[1]) [canvas.width, canvas.height] = size;
    Object.assign(view, { width: box.width, height: wanted });
    fit(state);
    const context = canvas.getContext("2d");
    context.setTransform(dense, 0, 0, dense, 0, 0);
    const frames = drawStrip(context, state, view, (frame) =>
      media.thumbs.peek(pictureKey(state.session, frame, THUMB)),
    );
    media.thumbs.want(frames.map((frame) => pictureKey(state.session, frame, THUMB)));
  }

  /** Keep the strip filled, and the playhead in sight while something moves it. */
  function fit(/** @type {import("./store.js").State} */ { session, frame, playing, following }) {
    const space = view.width - 2 * EDGE;
    const least = space / session.video.frames;
    view.zoom = Math.max(1, Math.min(view.zoom, Math.max(1, MOST / least)));
    view.perFrame = least * view.zoom;
    const longest = session.video.frames * view.perFrame - space;
    const at = frame * view.perFrame - view.offset;
    const isLost = at < 0 || at > space - view.perFrame;
    if (isLost && !isDragged && (playing || following || view.frame !== frame))
      view.offset = frame * view.perFrame - space / 3;
    view.frame = frame;
    view.offset = Math.min(Math.max(0, longest), Math.max(0, view.offset));
  }

  const zoom = (factor, x = view.width / 2) => {
    const at = (view.offset + x - EDGE) / view.perFrame;
    const before = view.zoom;
    view.zoom = Math.max(1, view.zoom * factor);
    view.offset = at * view.perFrame * (view.zoom / before) - (x - EDGE);
    invalidate();
  };
  const seek = (event) => {
    const x = event.clientX - canvas.getBoundingClientRect().left;
    actions.show(Math.floor((view.offset + x - EDGE) / view.perFrame));
  };

  canvas.addEventListener("pointerdown", (event) => {
    if (event.button) return;
    canvas.setPointerCapture(event.pointerId);
    isDragged = true;
    seek(event);
  });
  canvas.addEventListener("pointermove", (event) => isDragged && seek(event));
  for (const name of ["pointerup", "pointercancel"]) canvas.addEventListener(name, () => (isDragged = false));
  canvas.addEventListener(
    "wheel",
    (event) => {
      event.preventDefault();
      const x = event.clientX - canvas.getBoundingClientRect().left;
      if (event.deltaX || event.shiftKey) view.offset += event.deltaX || event.deltaY;
      else zoom(Math.exp(-event.deltaY * 0.002), x);
      invalidate();
    },
    { passive: false },
  );
  byId("strip-in").addEventListener("click", () => zoom(1.6));
  byId("strip-out").addEventListener("click", () => zoom(1 / 1.6));
  new ResizeObserver(invalidate).observe(canvas);

  onChange(
    store,
    ({ session, frame, hidden }) => [session, frame, hidden, document.documentElement.dataset.theme],
    (state) => {
      invalidate();
      if (!state.session) return;
      mark(canvas, "aria-valuemax", state.session.video.frames - 1);
      mark(canvas, "aria-valuenow", state.frame);
      mark(canvas, "aria-valuetext", `frame ${state.frame}${describe(state)}`);
    },
  );
  return { invalidate };
}

function describe(/** @type {import("./store.js").State} */ { session, frame }) {
  if (session.changed.includes(frame)) return ", changed";
  if (session.interacted.includes(frame)) return ", marked and propagated";
  return session.computed[frame] ? ", computed" : "";
}
