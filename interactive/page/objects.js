/** The list of objects, and the list of frames that a person marked. */
import { byId, iconButton, make, put, refill } from "./dom.js";
import { icon } from "./icons.js";
import { canEdit } from "./session.js";
import { onChange } from "./store.js";

/** Make and keep the list of objects. */
export function mountObjects(/** @type {import("./main.js").App} */ app) {
  const { store, actions } = app;
  let renamed = 0;
  byId("add").addEventListener("click", () => actions.addObject());
  byId("panel").addEventListener("click", () => store.set({ drawer: !store.get().drawer }));

  const fill = (/** @type {import("./store.js").State} */ state) => {
    const { session } = state;
    put(byId("add"), "disabled", !canEdit(state));
    put(byId("no-objects"), "hidden", Boolean(session?.objects.length));
    if (session)
      refill(
        byId("objects"),
        session.objects.map((object, index) => makeRow(state, object, index)),
      );
    if (renamed) byId("objects").querySelector("input[type=text]")?.select();
  };
  const rename = (/** @type {number} */ id) => {
    renamed = id;
    fill(store.get());
  };

  function makeRow(state, /** @type {import("./session.js").ObjectEntry} */ object, /** @type {number} */ index) {
    const isHidden = state.hidden.includes(object.id);
    const isChosen = state.object === object.id;
    const classes = ["object", isChosen ? "chosen" : "", isHidden ? "off" : ""].join(" ").trim();
    return make(
      "li",
      { class: classes, "data-id": object.id },
      makeSwatch(state, object),
      renamed === object.id ? makeField(object) : makeName(object, index, isChosen),
      make("div", { class: "object-actions" }, ...makeActions(state, object, isHidden)),
    );
  }

  const makeSwatch = (state, { id, name, colour }) =>
    make("input", {
      type: "color",
      class: "swatch",
      value: colour,
      disabled: !canEdit(state),
      "aria-label": `Colour of ${name}`,
      title: "Colour",
      "data-key": `c${id}`,
      onchange: ({ target }) => actions.edit("colour_object", { object: id, colour: target.value }),
    });

  const makeName = ({ id, name }, index, isChosen) =>
    make(
      "button",
      {
        type: "button",
        class: "object-name",
        "aria-pressed": isChosen,
        "data-key": `n${id}`,
        title: name,
        onclick: () => actions.chooseObject(id),
        ondblclick: () => rename(id),
      },
      ...(index < 9 ? [make("kbd", { "aria-hidden": true }, String(index + 1))] : []),
      make("span", {}, name),
    );

  function makeField({ id, name }) {
    const end = (/** @type {any} */ field, /** @type {boolean} */ isKept) => {
      if (renamed !== id) return;
      renamed = 0;
      if (isKept && field.value.trim() && field.value.trim() !== name)
        actions.edit("rename_object", { object: id, name: field.value.trim() });
      fill(store.get());
      byId("objects").querySelector(`[data-key="n${id}"]`)?.focus();
    };
    return make("input", {
      type: "text",
      value: name,
      maxLength: 60,
      "aria-label": `Name of ${name}`,
      "data-key": `t${id}`,
      onblur: ({ target }) => end(target, true),
      onkeydown: (event) => {
        event.stopPropagation();
        if (event.key === "Enter" || event.key === "Escape") end(event.target, event.key === "Enter");
      },
    });
  }

  function makeActions(state, { id, name }, isHidden) {
    const toggled = isHidden ? state.hidden.filter((one) => one !== id) : [...state.hidden, id];
    const disabled = !canEdit(state);
    return [
      iconButton(
        isHidden ? "hidden" : "eye",
        `${isHidden ? "Show" : "Hide"} ${name}`,
        () => store.set({ hidden: toggled }),
        { "data-key": `h${id}` },
      ),
      iconButton("rename", `Rename ${name}`, () => rename(id), { "data-key": `r${id}`, disabled }),
      iconButton(
        "reset",
        `Take ${name} out of this frame`,
        () => actions.edit("reset", { frame: store.get().frame, object: id }),
        { "data-key": `e${id}`, disabled },
      ),
      iconButton("remove", `Remove ${name} from the video`, () => actions.edit("remove_object", { object: id }), {
        "data-key": `x${id}`,
        disabled,
      }),
    ];
  }

  onChange(
    store,
    (state) => [JSON.stringify(state.session?.objects), state.object, state.hidden, canEdit(state)],
    fill,
  );
  onChange(
    store,
    ({ session, hidden }) => [session?.objects, hidden],
    ({ session, object, hidden }) => {
      if (!session) return;
      const isKnown = (/** @type {number} */ one) => session.objects.some(({ id }) => id === one);
      if (!isKnown(object)) store.set({ object: session.objects.at(-1)?.id ?? 0 });
      if (!hidden.every(isKnown)) store.set({ hidden: hidden.filter(isKnown) }); // a new object may get a free id
    },
  );
  onChange(
    store,
    (state) => [state.drawer],
    ({ drawer }) => {
      document.body.classList.toggle("drawer", drawer);
      byId("panel").setAttribute("aria-pressed", String(drawer));
    },
  );
}

/** Make and keep the list of frames that were marked. */
export function mountFrames(/** @type {import("./main.js").App} */ { store, actions }) {
  byId("reset").addEventListener("click", () => actions.edit("reset", { frame: store.get().frame, object: null }));

  const makeChip = (state, /** @type {number} */ frame) => {
    const isChanged = state.session.changed.includes(frame);
    const about = isChanged ? "changed, not propagated yet" : "marked and propagated";
    const go = make(
      "button",
      {
        type: "button",
        title: `Go to frame ${frame}: ${about}`,
        "aria-label": `Frame ${frame}, ${about}`,
        "data-key": `f${frame}`,
        onclick: () => actions.show(frame),
      },
      make("i", { "aria-hidden": true }),
      String(frame),
    );
    const withdraw = make(
      "button",
      {
        type: "button",
        title: "Forget that this frame's mask is certain",
        "aria-label": `Withdraw frame ${frame}`,
        "data-key": `w${frame}`,
        disabled: !canEdit(state),
        onclick: () => actions.edit("withdraw", { frame }),
      },
      icon("close"),
    );
    const isInteracted = state.session.interacted.includes(frame);
    return make(
      "li",
      { class: `frame-chip${isChanged ? " changed" : ""}${frame === state.frame ? " here" : ""}` },
      go,
      ...(isInteracted ? [withdraw] : []),
    );
  };

  onChange(
    store,
    (state) => [state.session?.interacted, state.session?.changed, state.frame, canEdit(state)],
    (state) => {
      if (!state.session) return;
      const frames = [...new Set([...state.session.interacted, ...state.session.changed])].sort((a, b) => a - b);
      refill(
        byId("frames"),
        frames.map((frame) => makeChip(state, frame)),
      );
      put(byId("no-frames"), "hidden", frames.length > 0);
      put(byId("reset"), "disabled", !canEdit(state) || !state.session.revisions[state.frame]);
    },
  );
}
