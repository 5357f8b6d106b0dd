/** The menu of exports, the import of masks, and what comes of them. */
import { byId, make, put, refill } from "./dom.js";
import { icon } from "./icons.js";
import { onChange } from "./store.js";

/** Make and keep the menu of exports. */
export function mountExports(/** @type {import("./main.js").App} */ { store, actions }) {
  const [button, menu] = [byId("export"), byId("exports")];
  const open = (/** @type {boolean} */ isOpen) => {
    menu.hidden = !isOpen;
    button.setAttribute("aria-expanded", String(isOpen));
    if (isOpen) menu.querySelector("button")?.focus();
  };
  button.addEventListener("click", () => open(menu.hidden));
  document.addEventListener(
    "pointerdown",
    ({ target }) => menu.hidden || menu.parentElement.contains(target) || open(false),
  );
  menu.parentElement.addEventListener("keydown", (event) => {
    if (event.key !== "Escape" || menu.hidden) return;
    event.stopPropagation();
    open(false);
    button.focus();
  });
  const choose = (kind, to) => {
    open(false);
    button.focus();
    actions.exportAs(kind, to);
  };
  const makeButton = (kind, label, to) =>
    make(
      "button",
      {
        type: "button",
        class: "button small",
        "data-kind": kind,
        "data-to": to,
        "data-key": kind + to,
        "aria-label": `${to === "download" ? "Download" : "Into the workspace"}: ${label}`,
        onclick: () => choose(kind, to),
      },
      ...(to === "download" ? [icon("download"), "Download"] : ["To workspace"]),
    );
  onChange(
    store,
    ({ session, connection }) => [
      JSON.stringify(session?.exports),
      Boolean(session?.info.workspace),
      session?.writer,
      Boolean(session?.job),
      connection,
    ],
    ({ session, connection }) => {
      put(button, "disabled", !session?.writer || connection !== "open" || Boolean(session.job));
      const rows = (session?.exports ?? []).map(([kind, label]) =>
        make(
          "div",
          { class: "menu-row" },
          make("span", {}, label),
          makeButton(kind, label, "download"),
          ...(session.info.workspace ? [makeButton(kind, label, "workspace")] : []),
        ),
      );
      refill(menu, rows.length ? rows : [make("p", { class: "quiet" }, "The server offers no exports.")]);
    },
  );
}

/** Say that an export is there; the page that asked for it downloads it. */
export function showExported(
  /** @type {import("./main.js").App} */ { actions, tell },
  /** @type {{kind: string, path?: string, url?: string}} */ { kind, path, url },
) {
  if (!url) return tell("note", `Written: ${path}`);
  const link = make("a", { href: url, download: "" }, "download again");
  if (actions.awaited.delete(kind)) {
    const once = make("a", { href: url, download: "", hidden: true });
    document.body.append(once);
    once.click();
    once.remove();
  }
  return tell("note", "The export is ready: ", link);
}

/** Take masks from the file button, and files that are dropped on the picture. */
export function mountImport(/** @type {import("./main.js").App} */ { store, actions }) {
  const [file, holder, drop] = [byId("file"), byId("holder"), byId("drop")];
  byId("import").addEventListener("click", () => file.click());
  file.addEventListener("change", () => {
    if (file.files[0]) actions.importMask(file.files[0]);
    file.value = "";
  });
  for (const name of ["dragenter", "dragover"]) {
    holder.addEventListener(name, (event) => {
      event.preventDefault();
      drop.hidden = false;
    });
  }
  holder.addEventListener("dragleave", () => (drop.hidden = true));
  for (const name of ["dragover", "drop"]) addEventListener(name, (event) => event.preventDefault());
  holder.addEventListener("drop", (event) => {
    event.preventDefault();
    drop.hidden = true;
    const dropped = event.dataTransfer?.files[0];
    if (dropped) actions.importMask(dropped);
  });
  onChange(
    store,
    (state) => [state.session?.writer, Boolean(state.session?.job && !state.session.job.paused), state.connection],
    ({ session, connection }) => {
      put(
        byId("import"),
        "disabled",
        !session?.writer || connection !== "open" || Boolean(session.job && !session.job.paused),
      );
    },
  );
}
