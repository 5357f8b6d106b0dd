/** Mouse, pen and fingers on the picture: strokes, panning, zooming. */
import { pan, toVideo, zoomAt } from "./look.js";
import { findTool } from "./tools.js";

const WHEEL = 0.0016; // logarithm of the enlargement for a pixel of the wheel
const [LINE, PAGE] = [20, 400]; // pixels, for wheels that count lines or pages
const NEAR = 0.75; // CSS pixels between points of a stroke

/** Listen to the pointer on the picture. */
export function mountPointer(/** @type {import("./main.js").App} */ { store, stage, actions }) {
  const { canvas } = stage;
  /** @type {Map<number, {x: number, y: number}>} */
  const fingers = new Map();
  let panned = /** @type {{x: number, y: number}|null} */ (null);

  const local = (event) => {
    const { left, top } = canvas.getBoundingClientRect();
    return { x: event.clientX - left, y: event.clientY - top };
  };
  const move = (dx, dy) => store.set({ look: pan(store.get().look, dx, dy, store.get().session.video, stage.size) });
  const zoom = (factor, point) =>
    store.set({ look: zoomAt(store.get().look, factor, point, store.get().session.video, stage.size) });
  const point = (event) => {
    const { x, y } = local(event);
    return toVideo(stage.place(), x, y);
  };

  canvas.addEventListener("pointerdown", (event) => {
    const { session, hand, tool } = store.get();
    if (!session) return;
    canvas.setPointerCapture(event.pointerId);
    fingers.set(event.pointerId, local(event));
    if (event.pointerType === "touch" && fingers.size > 1) return void store.set({ stroke: null });
    if (event.button === 1 || hand || tool === "hand") {
      panned = local(event);
      return void event.preventDefault();
    }
    if (store.get().playing) actions.show(store.get().frame);
    const stroke = actions.begin(point(event), event.button === 2 || event.shiftKey);
    if (stroke.kind === "fill") actions.finish(stroke);
    else store.set({ stroke, cursor: false });
  });

  canvas.addEventListener("pointermove", (event) => {
    const { session, stroke } = store.get();
    if (!session) return;
    if (fingers.size > 1 && fingers.has(event.pointerId)) return pinch(event);
    if (panned) {
      const now = local(event);
      move(now.x - panned.x, now.y - panned.y);
      panned = now;
      return undefined;
    }
    const [x, y] = point(event);
    const changes = event.pointerType === "touch" ? {} : { pointer: { x, y }, cursor: false };
    if (!stroke) return void store.set(changes);
    const events = event.getCoalescedEvents?.() ?? [];
    return void store.set({
      ...changes,
      stroke: extend(stroke, (events.length ? events : [event]).map(point), NEAR / stage.place().scale),
    });
  });

  /** Two fingers: the points under them stay under them. */
  function pinch(event) {
    const before = [...fingers.values()];
    fingers.set(event.pointerId, local(event));
    const after = [...fingers.values()];
    const [from, to] = [before, after].map(([a, b]) => ({
      x: (a.x + b.x) / 2,
      y: (a.y + b.y) / 2,
      gap: Math.hypot(a.x - b.x, a.y - b.y),
    }));
    move(to.x - from.x, to.y - from.y);
    zoom(to.gap / Math.max(1, from.gap), to);
  }

  const end = (event, isDone) => {
    const wasMany = fingers.size > 1;
    fingers.delete(event.pointerId);
    panned = null;
    const { stroke } = store.get();
    if (stroke && isDone && !wasMany) actions.finish(stroke);
    else if (stroke) store.set({ stroke: null });
  };
  canvas.addEventListener("pointerup", (event) => end(event, true));
  canvas.addEventListener("pointercancel", (event) => end(event, false));
  canvas.addEventListener("pointerleave", () => store.get().cursor || store.set({ pointer: null }));
  canvas.addEventListener("contextmenu", (event) => event.preventDefault());
  canvas.addEventListener(
    "wheel",
    (event) => {
      event.preventDefault();
      if (!store.get().session) return;
      const unit = [1, LINE, PAGE][event.deltaMode];
      const isSwipe = !event.ctrlKey && (event.deltaX !== 0 || event.shiftKey); // two fingers on a touchpad, or shift
      if (isSwipe) move(-event.deltaX * unit, -event.deltaY * unit);
      else zoom(Math.exp(-event.deltaY * unit * WHEEL * (event.ctrlKey ? 5 : 1)), local(event));
    },
    { passive: false },
  );
}

/** Add points that are far enough from the last one; a box or region keeps its first corner and the last. */
function extend(
  /** @type {import("./store.js").Stroke} */ stroke,
  /** @type {number[][]} */ points,
  /** @type {number} */ near,
) {
  if (findTool("box").stroke === stroke.kind || stroke.kind === "region")
    return { ...stroke, points: [stroke.points[0], points[points.length - 1]] };
  const all = [...stroke.points];
  for (const [x, y] of points) {
    const [lastX, lastY] = all[all.length - 1];
    if (Math.hypot(x - lastX, y - lastY) >= near) all.push([x, y]);
  }
  return { ...stroke, points: all };
}
