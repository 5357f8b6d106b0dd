/** The tools, their controls, and what a finished stroke of each does. */
import { byId, make, mark, put } from "./dom.js";
import { icon } from "./icons.js";
import { canEdit } from "./session.js";
import { onChange } from "./store.js";

/** @typedef {{name: string, icon: string, label: string, key: string, stroke: string}} Tool */

/** @type {Tool[]} */
export const TOOLS = [
  {
    name: "scribble",
    icon: "scribble",
    label: "Scribble or click: a stroke over the object makes its mask",
    key: "S",
    stroke: "scribble",
  },
  { name: "box", icon: "box", label: "Box: two corners around the object make its mask", key: "R", stroke: "box" },
  { name: "brush", icon: "brush", label: "Brush: paint the mask literally", key: "B", stroke: "draw" },
  { name: "eraser", icon: "eraser", label: "Eraser: wipe the mask literally", key: "E", stroke: "draw" },
  { name: "fill", icon: "fill", label: "Fill: give a connected area to the object", key: "F", stroke: "fill" },
  {
    name: "region",
    icon: "region",
    label: "Local region: later strokes change this part alone",
    key: "L",
    stroke: "region",
  },
  { name: "hand", icon: "hand", label: "Move the picture (or hold space and drag)", key: "H", stroke: "" },
];

export const findTool = (/** @type {string} */ name) => TOOLS.find((tool) => tool.name === name) ?? TOOLS[0];
const PAINTS = ["brush", "eraser"];

/** Make and keep the controls at the left. */
export function mountTools(/** @type {import("./main.js").App} */ { store, actions }) {
  const choose = (tool) => actions.chooseTool(tool.name);
  const buttons = TOOLS.map((tool) =>
    makeRadio(tool.label, `${tool.label} (${tool.key})`, () => choose(tool), icon(tool.icon)),
  );
  byId("tools").append(...buttons);
  moveByArrows(byId("tools"));
  const [size, background] = [byId("size"), byId("background")];
  size.addEventListener("input", () => store.set({ thickness: Number(size.value) }));
  background.addEventListener("click", () => store.set({ background: !store.get().background }));
  onChange(
    store,
    (state) => [state.tool, state.thickness, state.background, canEdit(state)],
    (state) => {
      for (const [index, button] of buttons.entries()) {
        checkRadio(button, TOOLS[index].name === state.tool);
        put(button, "disabled", !canEdit(state) && TOOLS[index].name !== "hand");
      }
      put(size, "value", String(state.thickness));
      byId("size-text").textContent = String(state.thickness);
      put(byId("size-label"), "hidden", !PAINTS.includes(state.tool));
      put(background, "hidden", !["scribble", "box"].includes(state.tool));
      mark(background, "aria-pressed", state.background);
    },
  );
}

const VIEWS = [
  ["overlay", "Overlay", "Masks in colour over the picture"],
  ["mask", "Mask", "Masks alone"],
  ["cutout", "Cut-out", "Objects alone, over a checkerboard"],
  ["popup", "Popup", "Objects in colour, all else grey"],
];

/** Make and keep the choice of the view, the opacity and the outlines. */
export function mountViews(/** @type {import("./main.js").App} */ { store }) {
  const buttons = VIEWS.map(([view, label, title]) =>
    makeRadio(label, title, () => store.set({ view, covered: true }), label),
  );
  byId("views").append(...buttons);
  moveByArrows(byId("views"));
  byId("opacity").addEventListener("input", ({ target }) =>
    store.set({ opacity: Number(target.value) / 100, covered: true }),
  );
  byId("outline").addEventListener("click", () => store.set({ outline: !store.get().outline }));
  onChange(
    store,
    (state) => [state.view, state.opacity, state.outline, state.covered],
    (state) => {
      for (const [index, button] of buttons.entries())
        checkRadio(button, state.covered && VIEWS[index][0] === state.view);
      put(byId("opacity"), "value", String(Math.round(state.opacity * 100)));
      put(byId("opacity"), "disabled", state.view !== "overlay");
      mark(byId("outline"), "aria-pressed", state.outline);
    },
  );
}

/** Give the view after this one. */
export function nextView(/** @type {string} */ view) {
  const index = VIEWS.findIndex(([name]) => name === view);
  return VIEWS[(index + 1) % VIEWS.length][0];
}

const makeRadio = (label, title, onclick, child) =>
  make(
    "button",
    {
      type: "button",
      role: "radio",
      "aria-checked": "false",
      "aria-label": label,
      class: typeof child === "string" ? "" : "icon-button",
      title,
      onclick,
    },
    child,
  );

function checkRadio(/** @type {HTMLElement} */ button, /** @type {boolean} */ isChecked) {
  mark(button, "aria-checked", isChecked);
  put(button, "tabIndex", isChecked ? 0 : -1);
}

/** A group of choices is one stop of the tab key; arrows go through it. */
function moveByArrows(/** @type {HTMLElement} */ group) {
  group.addEventListener(
    "focusin",
    () => group.querySelector("[tabindex='0']") ?? (group.firstElementChild.tabIndex = 0),
  );
  group.addEventListener("keydown", (event) => {
    const step = { ArrowDown: 1, ArrowRight: 1, ArrowUp: -1, ArrowLeft: -1 }[event.key];
    if (!step) return;
    event.preventDefault();
    event.stopPropagation();
    const buttons = [...group.querySelectorAll("[role='radio']:not(:disabled)")];
    const next = buttons[(buttons.indexOf(document.activeElement) + step + buttons.length) % buttons.length];
    next.focus();
    next.click();
  });
}
