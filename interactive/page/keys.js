/** All keys, in one table that the help shows, too. */
import { cursorKey, toggleCursor } from "./cursor.js";
import { byId } from "./dom.js";
import { zoomAt } from "./look.js";
import { nextView, TOOLS } from "./tools.js";

/**
 * @typedef {{keys: string[], shown: string[], label: string, run: (app: import("./main.js").App) => void}} Binding
 * Without a label it stands in the row of the one before. Keys are written as in KeyboardEvent.key, lower case for letters, with "Shift+" and "Ctrl+" before them.
 */

const zoomBy =
  (factor) =>
  ({ store, stage }) => {
    const { session, look } = store.get();
    if (session)
      store.set({
        look: zoomAt(look, factor, { x: stage.size.width / 2, y: stage.size.height / 2 }, session.video, stage.size),
      });
  };
const thicken =
  (factor) =>
  ({ store }) => {
    const thickness = Math.round(store.get().thickness * factor + Math.sign(factor - 1));
    store.set({ thickness: Math.min(200, Math.max(1, thickness)) });
  };
const bind = (keys, shown, label, run) => ({
  keys: keys.split(" "),
  shown: shown.split(" ").filter(Boolean),
  label,
  run,
});

/** @type {[string, Binding[]][]} */
export const GROUPS = [
  [
    "Tools",
    [
      ...TOOLS.map((tool) =>
        bind(tool.key.toLowerCase(), tool.key, tool.label.split(":")[0], ({ actions }) =>
          actions.chooseTool(tool.name),
        ),
      ),
      bind("g", "G", "Mark the background (or right button, Shift)", ({ store }) =>
        store.set({ background: !store.get().background }),
      ),
      bind("[", "[ ]", "Thinner or thicker brush", thicken(0.8)),
      bind("]", "", "", thicken(1.25)),
      bind("c", "C", "Cursor: arrows move, Enter draws", toggleCursor),
      bind(
        "Enter",
        "Enter",
        "Keep the mask of the strokes",
        ({ store, actions }) => store.get().session?.strokes && actions.edit("end_strokes"),
      ),
    ],
  ],
  [
    "Objects",
    [
      bind("1 2 3 4 5 6 7 8 9", "1 9", "Choose an object", () => {}),
      bind("n", "N", "Add an object", ({ actions }) => actions.addObject()),
      bind(
        "Delete Backspace",
        "Delete",
        "Take the object out of this frame",
        ({ store, actions }) =>
          store.get().object && actions.edit("reset", { frame: store.get().frame, object: store.get().object }),
      ),
      bind("Shift+Delete Shift+Backspace", "Shift Delete", "Empty this frame", ({ store, actions }) =>
        actions.edit("reset", { frame: store.get().frame, object: null }),
      ),
      bind("Ctrl+z", "Ctrl Z", "Undo", ({ actions }) => actions.edit("undo")),
      bind("Ctrl+Shift+z Ctrl+y", "Ctrl Shift Z", "Redo", ({ actions }) => actions.edit("redo")),
    ],
  ],
  [
    "Frames",
    [
      bind("ArrowLeft", "← →", "One frame back or on", ({ actions }) => actions.step(-1)),
      bind("ArrowRight", "", "", ({ actions }) => actions.step(1)),
      bind("Shift+ArrowLeft", "Shift ← →", "Ten frames back or on", ({ actions }) => actions.step(-10)),
      bind("Shift+ArrowRight", "", "", ({ actions }) => actions.step(10)),
      bind("Home", "Home End", "First or last frame", ({ actions }) => actions.show(0)),
      bind("End", "", "", ({ actions }) => actions.show(Infinity)),
      bind("k", "Space", "Play or stop; hold it and drag to move the picture", ({ player }) => player.toggle()),
      bind("p", "P", "Propagate both ways; pause and go on", ({ store, actions }) =>
        store.get().session?.job ? actions.togglePause() : actions.propagate("both"),
      ),
      bind("<", "< >", "Propagate backward or forward", ({ actions }) => actions.propagate("backward")),
      bind(">", "", "", ({ actions }) => actions.propagate("forward")),
      bind("Escape", "Esc", "Give up the stroke; stop what runs", ({ store, actions }) =>
        store.get().stroke ? store.set({ stroke: null }) : store.get().session?.job && actions.ask("cancel"),
      ),
    ],
  ],
  [
    "View",
    [
      bind("v", "V", "Next view", ({ store }) => store.set({ view: nextView(store.get().view), covered: true })),
      bind("m", "M", "Masks on or off", ({ store }) => store.set({ covered: !store.get().covered })),
      bind("o", "O", "Outlines on or off", ({ store }) => store.set({ outline: !store.get().outline })),
      bind("+ =", "+ -", "Zoom (or the wheel, two fingers)", zoomBy(1.25)),
      bind("-", "", "", zoomBy(0.8)),
      bind("0", "0", "Fit the picture", ({ store }) => store.set({ look: { zoom: 1, x: 0, y: 0 } })),
      bind("i", "I", "Import a mask", () => byId("import").click()),
      bind("x", "X", "Export", () => byId("export").click()),
      bind("?", "?", "This help", () => byId("help").click()),
    ],
  ],
];
const TABLE = new Map(
  GROUPS.flatMap(([, bindings]) => bindings.flatMap((one) => one.keys.map((key) => [key, one.run]))),
);

/** Listen to the keyboard. */
export function mountKeys(/** @type {import("./main.js").App} */ app) {
  const { store, player } = app;
  let hasMoved = false;
  addEventListener("keydown", (event) => {
    if (isTyping(event) || document.querySelector("dialog[open]")) return;
    if (!event.ctrlKey && !event.metaKey && cursorKey(app, event)) return void event.preventDefault();
    if (event.key === " " && !isControl(event.target)) {
      if (!event.repeat) [hasMoved] = [false, store.set({ hand: true })];
      return void event.preventDefault();
    }
    const digit = /^[1-9]$/.test(event.key) && !event.ctrlKey && !event.metaKey && !event.altKey;
    if (digit) return void app.actions.chooseNumber(Number(event.key) - 1);
    const run = event.altKey ? undefined : TABLE.get(spell(event));
    if (!run || (event.key === "Enter" && isControl(event.target))) return undefined;
    event.preventDefault();
    return void run(app);
  });
  addEventListener("pointermove", ({ buttons }) => (hasMoved ||= buttons > 0));
  addEventListener("keyup", (event) => {
    if (event.key !== " " || !store.get().hand) return;
    store.set({ hand: false });
    if (!hasMoved) player.toggle();
  });
  addEventListener("blur", () => store.set({ hand: false }));
}

/** Write a key as the table does; marks that need Shift on some keyboards stand for themselves. */
function spell(/** @type {KeyboardEvent} */ { key, ctrlKey, metaKey, shiftKey }) {
  const isNamed = key.length > 1;
  const isLetter = /^[a-z]$/i.test(key);
  return `${ctrlKey || metaKey ? "Ctrl+" : ""}${shiftKey && (isNamed || isLetter) ? "Shift+" : ""}${isLetter ? key.toLowerCase() : key}`;
}

const isTyping = ({ target, key }) =>
  target instanceof HTMLInputElement &&
  (["text", "number"].includes(target.type) || (target.type === "range" && /^(Arrow|Home|End)/.test(key)));
const isControl = (target) => target instanceof HTMLElement && target.closest("button, a, input, summary") !== null;
