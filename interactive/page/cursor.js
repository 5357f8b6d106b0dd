/** A cursor on the picture that the keyboard moves, so that strokes need no pointer. */

const [STEP, FINE] = [12, 2]; // CSS pixels
const MOVES = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] };

/** Begin or end the cursor; it starts where the pointer was, or in the middle. */
export function toggleCursor(/** @type {import("./main.js").App} */ { store, stage, say }) {
  const { cursor, session, pointer } = store.get();
  if (!session) return;
  const middle = { x: session.video.width / 2, y: session.video.height / 2 };
  store.set({ cursor: !cursor, pointer: cursor ? null : (pointer ?? middle), stroke: null });
  stage.canvas.focus();
  say(cursor ? "Cursor off" : "Cursor on: arrows move it, Enter begins and ends a stroke, Escape leaves");
}

/**
 * Take a key while the cursor is on.
 * @param {import("./main.js").App} app
 * @param {KeyboardEvent} event
 * @returns {boolean} whether it was the cursor's
 */
export function cursorKey({ store, stage, actions, say }, event) {
  const { cursor, stroke, pointer, session } = store.get();
  if (!cursor || !pointer) return false;
  if (event.key in MOVES) {
    const step = (event.shiftKey ? FINE : STEP) / stage.place().scale;
    const [dx, dy] = MOVES[event.key];
    const x = Math.min(session.video.width - 1, Math.max(0, pointer.x + dx * step));
    const y = Math.min(session.video.height - 1, Math.max(0, pointer.y + dy * step));
    const isBox = stroke?.kind === "box" || stroke?.kind === "region";
    const next = stroke && { ...stroke, points: [...(isBox ? stroke.points.slice(0, 1) : stroke.points), [x, y]] };
    store.set({ pointer: { x, y }, stroke: next });
    say(`${Math.round(x)}, ${Math.round(y)}`);
    return true;
  }
  if (event.key === "Enter" || event.key === " ") {
    if (stroke) actions.finish(stroke);
    else begin(actions.begin([pointer.x, pointer.y], event.shiftKey));
    return true;
  }
  if (event.key === "Escape") {
    store.set(stroke ? { stroke: null } : { cursor: false, pointer: null });
    return true;
  }
  return false;

  function begin(/** @type {import("./store.js").Stroke} */ started) {
    if (started.kind === "fill") actions.finish(started);
    else if (started.kind) store.set({ stroke: started });
    say("Stroke begun");
  }
}
