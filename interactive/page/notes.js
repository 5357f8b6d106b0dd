/** Words to the person: notes, the banner, hints, chips on the picture, and the line of the status. */
import { byId, iconButton, make, put, refill } from "./dom.js";
import { icon } from "./icons.js";
import { canEdit } from "./session.js";
import { onChange } from "./store.js";

const LASTING = { note: 6000, warning: 9000, error: 15000 }; // milliseconds
const MOST = 4;

/** Show a note for some seconds. */
export function tell(/** @type {string} */ level, /** @type {string} */ text, /** @type {Node[]} */ ...more) {
  const note = make(
    "div",
    { class: `note ${level}` },
    make("p", {}, text, ...more),
    iconButton("close", "Close the note", () => note.remove()),
  );
  const notes = byId("notes");
  notes.append(note);
  while (notes.children.length > MOST) notes.firstElementChild.remove();
  setTimeout(() => note.remove(), LASTING[level] ?? LASTING.note);
}

/** Say something to those who listen to the page. */
export function say(/** @type {string} */ text) {
  byId("spoken").textContent = text;
}

/** Make and keep the banner: a lost connection, or another page that works. */
export function mountBanner(/** @type {import("./main.js").App} */ { store, actions }) {
  onChange(
    store,
    ({ connection, session }) => [connection, session?.writer],
    ({ connection, session }) => {
      const banner = byId("banner");
      const isViewer = connection === "open" && session?.writer === false;
      put(banner, "hidden", !isViewer && connection !== "lost");
      banner.classList.toggle("lost", connection === "lost");
      if (isViewer) {
        const take = make(
          "button",
          { type: "button", class: "button small", onclick: () => actions.ask("take_over") },
          "Take over",
        );
        banner.replaceChildren("Another page works on this video; this one only shows it.", take);
      } else if (connection === "lost")
        banner.replaceChildren("The connection to the server is lost. Trying again; nothing that was done is lost.");
    },
  );
}

const HINTS = {
  start: "Draw a stroke over the object that you want to cut out.",
  propagate: "Wrong parts? Mark them with the right button (or Shift). Then press Propagate.",
  correct: "Look through the frames, correct the worst one, propagate again; then export.",
};

/** Make and keep the hint that says what to do first, and next. */
export function mountHints(/** @type {import("./main.js").App} */ { store }) {
  const choose = ({ session }) => {
    if (!session?.writer || session.job) return "";
    if (!session.interacted.length) return session.changed.length ? "propagate" : "start";
    return session.interacted.length === 1 && !session.changed.length ? "correct" : "";
  };
  onChange(
    store,
    (state) => [choose(state), state.hints],
    (state) => {
      const name = choose(state);
      const close = iconButton("close", "Close the hint", () => store.set({ hints: [...store.get().hints, name] }));
      put(byId("hint"), "hidden", !name || state.hints.includes(name));
      refill(byId("hint"), name ? [make("span", {}, HINTS[name]), close] : []);
    },
  );
}

/** Make and keep the chips at the picture's corner: the region, and strokes that are open. */
export function mountChips(/** @type {import("./main.js").App} */ { store, actions }) {
  onChange(
    store,
    (state) => [state.region, state.session?.strokes, state.cursor, state.frame, canEdit(state)],
    (state) => {
      const strokes = state.session?.strokes?.frame === state.frame ? state.session.strokes.strokes.length : 0;
      const makeChip = (key, title, text, onclick, shape) =>
        make("button", { type: "button", class: "chip", title, onclick, "data-key": key }, text, icon(shape));
      refill(byId("chips"), [
        ...(state.region
          ? [
              makeChip(
                "region",
                "Work on the whole frame again",
                "Local region",
                () => store.set({ region: null }),
                "close",
              ),
            ]
          : []),
        ...(strokes && canEdit(state)
          ? [
              makeChip(
                "strokes",
                "Keep this mask: the next stroke starts from it (Enter)",
                `${strokes} ${strokes > 1 ? "strokes" : "stroke"}: keep`,
                () => actions.edit("end_strokes"),
                "plus",
              ),
            ]
          : []),
        ...(state.cursor
          ? [
              makeChip(
                "cursor",
                "Leave the cursor (Escape)",
                "Cursor",
                () => store.set({ cursor: false, pointer: null }),
                "close",
              ),
            ]
          : []),
      ]);
    },
  );
}

/** Make and keep the line at the bottom. */
export function mountStatus(/** @type {import("./main.js").App} */ { store }) {
  onChange(
    store,
    ({ connection, session }) => [connection, JSON.stringify(session?.info)],
    ({ connection, session }) => {
      const words = { connecting: "Connecting", open: "Connected", lost: "Connection lost" }[connection];
      const info = session?.info ?? {};
      const parts = [
        ["", [info.device, info.precision].filter(Boolean).join(", ")],
        ["Memory", asSize(info.memory)],
        ["Memory frames", info.memory_frames],
        ["Propagation", info.network],
        ["Strokes", info.maker],
        ["Fusion", info.fusion],
        ["Workspace", info.workspace],
      ].filter(([, value]) => value !== undefined && value !== null && value !== "");
      const dot = make("i", { class: `dot${connection === "lost" ? " lost" : ""}` });
      refill(byId("status"), [
        make("span", {}, dot, words),
        ...parts.map(([label, value]) =>
          make("span", { title: `${label} ${value}`.trim() }, label ? `${label} ` : "", make("b", {}, String(value))),
        ),
      ]);
    },
  );
}

const asSize = (/** @type {number|undefined} */ mebibytes) =>
  mebibytes && (mebibytes < 1024 ? `${mebibytes} MB` : `${(mebibytes / 1024).toFixed(1)} GB`);
