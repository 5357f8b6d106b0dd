/** Puts the page together: the state, the connection, and all that is drawn from the state. */
import { Actions } from "./actions.js";
import { Connection } from "./connection.js";
import { byId, put } from "./dom.js";
import { mountExports, mountImport, showExported } from "./exports.js";
import { mountHelp } from "./help.js";
import { drawIcons } from "./icons.js";
import { mountKeys } from "./keys.js";
import { zoomAt } from "./look.js";
import { Media } from "./media.js";
import { mountBanner, mountChips, mountHints, mountStatus, say, tell } from "./notes.js";
import { mountFrames, mountObjects } from "./objects.js";
import { createPlayer } from "./player.js";
import { mountPointer } from "./pointer.js";
import { canEdit, readProgress, readState } from "./session.js";
import { initialState, keepSettings } from "./settings.js";
import { Stage } from "./stage.js";
import { createStore, onChange } from "./store.js";
import { mountTimeline } from "./timeline.js";
import { mountTools, mountViews } from "./tools.js";
import { mountJob, mountTransport } from "./transport.js";

/**
 * @typedef {object} App  what the parts of the page share
 * @property {ReturnType<typeof createStore>} store
 * @property {Media} media
 * @property {Stage} stage
 * @property {Actions} actions
 * @property {{toggle: () => void}} player
 * @property {typeof tell} tell
 * @property {typeof say} say
 */

function start() {
  drawIcons();
  const store = createStore(initialState());
  const app = /** @type {App} */ ({ store, tell, say });
  app.media = new Media(() => {
    app.stage.invalidate();
    app.timeline.invalidate();
    app.actions.tidy();
  });
  app.stage = new Stage(byId("stage"), store, app.media);
  const connection = new Connection({
    onEvent: (event) => take(app, event),
    onChange: (state) => store.set({ connection: state }),
  });
  app.actions = new Actions(store, connection, app.media, tell);
  app.player = createPlayer(app);
  app.timeline = mountTimeline(app);
  for (const mount of [
    mountTools,
    mountViews,
    mountObjects,
    mountFrames,
    mountTransport,
    mountJob,
    mountBanner,
    mountHints,
    mountChips,
    mountStatus,
    mountExports,
    mountImport,
    mountKeys,
    mountPointer,
    mountHelp,
    mountTop,
  ])
    mount(app);
  keepSettings(store);
  store.listen(() => app.actions.tidy());
  store.set({});
}

/** Take what the server says. */
function take(/** @type {App} */ app, /** @type {any} */ event) {
  const { store, media, actions } = app;
  const { session } = store.get();
  if (event.event === "state") {
    const next = readState(event);
    if (session && (session.version !== next.version || session.video.key !== next.video.key)) media.clear();
    if (!next.job) actions.awaited.clear(); // an export that was stopped downloads nothing, nor that of another page
    const isMoved = session?.job || !next.job || next.job.kind !== "propagate";
    store.set({ session: next, connection: "open", ...(isMoved ? {} : { following: true }) });
  } else if (event.event === "progress" && session) {
    const next = readProgress(session, event);
    const isFollowed = store.get().following && next.job?.kind === "propagate" && Number.isInteger(event.frame);
    store.set({ session: next, ...(isFollowed ? { frame: event.frame } : {}) });
  } else if (event.event === "exported") showExported(app, event);
  else if (event.event === "note") tell(event.level, event.text);
}

/** Make and keep the upper row, the zoom, and the colours of the page. */
function mountTop(/** @type {App} */ { store, actions, stage }) {
  byId("undo").addEventListener("click", () => actions.edit("undo"));
  byId("redo").addEventListener("click", () => actions.edit("redo"));
  byId("theme").addEventListener("click", () => store.set({ theme: isDark() ? "light" : "dark" }));
  const systemIsLight = matchMedia("(prefers-color-scheme: light)");
  const isDark = () => (store.get().theme === "auto" ? !systemIsLight.matches : store.get().theme === "dark");
  const paint = () => {
    document.documentElement.dataset.theme = isDark() ? "dark" : "light";
    store.set({});
  };
  systemIsLight.addEventListener("change", paint);
  const zoom = (factor) => {
    const { session, look } = store.get();
    if (session)
      store.set({
        look: zoomAt(look, factor, { x: stage.size.width / 2, y: stage.size.height / 2 }, session.video, stage.size),
      });
  };
  byId("zoom-in").addEventListener("click", () => zoom(1.25));
  byId("zoom-out").addEventListener("click", () => zoom(0.8));
  byId("zoom-fit").addEventListener("click", () => store.set({ look: { zoom: 1, x: 0, y: 0 } }));
  onChange(
    store,
    (state) => [state.session, state.connection],
    (state) => {
      for (const name of ["undo", "redo"]) {
        const label = state.session?.[name];
        const title = name === "undo" ? "Undo" : "Redo";
        put(byId(name), "disabled", !label || !canEdit(state));
        put(
          byId(name),
          "title",
          `${title}${typeof label === "string" ? `: ${label}` : ""} (${name === "undo" ? "Ctrl+Z" : "Ctrl+Shift+Z"})`,
        );
      }
      const name = state.session?.video.name;
      put(byId("title"), "textContent", name ?? "Segment a video");
      put(byId("title"), "title", name ?? "");
      put(document, "title", name ? `${name}: segment` : "Segment a video");
    },
  );
  onChange(
    store,
    (state) => [state.look.zoom, state.hand, state.tool],
    ({ look, hand, tool }) => {
      put(byId("zoom-fit"), "textContent", `${Math.round(look.zoom * 100)} %`);
      stage.canvas.dataset.hand = String(hand || tool === "hand");
    },
  );
  onChange(store, (state) => [state.theme], paint);
}

start();
