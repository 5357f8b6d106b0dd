/** The help: how the work goes, and all keys. */
import { byId, iconButton, make } from "./dom.js";
import { GROUPS } from "./keys.js";

const STEPS = [
  "Draw a stroke over an object, in any frame. Mark what does not belong with the right button, or with Shift.",
  "Propagate: the mask goes through the video. You may pause, correct, and go on at any time.",
  "Look through the frames; correct the worst one; propagate again.",
  "Export masks or a video. All work is kept in the workspace as it goes.",
];

/** Make the help; it opens by its button and closes by Escape. */
export function mountHelp() {
  const dialog = byId("keys");
  const groups = GROUPS.map(([title, bindings]) =>
    make(
      "section",
      { class: "key-group" },
      make("h3", {}, title),
      make(
        "dl",
        {},
        ...bindings
          .filter(({ label }) => label)
          .flatMap(({ shown, label }) => [
            make(
              "dt",
              {},
              ...shown.flatMap((key, index) => [...(shown[0] === "1" && index ? ["–"] : []), make("kbd", {}, key)]),
            ),
            make("dd", {}, label),
          ]),
      ),
    ),
  );
  dialog.append(
    make(
      "div",
      { class: "dialog-head" },
      make("h2", { id: "keys-title" }, "How it goes, and all keys"),
      iconButton("close", "Close the help", () => dialog.close()),
    ),
    make("ol", {}, ...STEPS.map((step) => make("li", {}, step))),
    make("div", { class: "key-groups" }, ...groups),
  );
  byId("help").addEventListener("click", () => dialog.showModal());
  dialog.addEventListener("click", ({ target }) => target === dialog && dialog.close());
}
