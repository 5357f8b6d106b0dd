/** The row above the timeline: playing, the frame's number, rounds and their progress. */
import { byId, put } from "./dom.js";
import { setIcon } from "./icons.js";
import { canPropagate } from "./session.js";
import { onChange } from "./store.js";

const SPOKEN = 10; // of a round's progress, so many parts are told aloud

/** Make and keep the controls of playing. */
export function mountTransport(/** @type {import("./main.js").App} */ { store, stage, actions, player }) {
  const steps = {
    first: () => actions.show(0),
    back: () => actions.step(-1),
    next: () => actions.step(1),
    last: () => actions.show(Infinity),
  };
  for (const [id, run] of Object.entries(steps)) byId(id).addEventListener("click", run);
  byId("play").addEventListener("click", () => player.toggle());
  const field = byId("frame");
  field.addEventListener("change", () => {
    actions.show(field.valueAsNumber);
    put(field, "value", String(store.get().frame)); // what was typed may be no frame
  });
  field.addEventListener("keydown", ({ key }) => key === "Enter" && stage.canvas.focus()); // for the keys that follow
  onChange(
    store,
    ({ session, frame, playing }) => [session?.video.key, frame, playing],
    ({ session, frame, playing }) => {
      if (!session) return;
      const { frames, rate, names } = session.video;
      if (document.activeElement !== field || field.valueAsNumber !== frame) put(field, "value", String(frame));
      put(field, "max", String(frames - 1));
      byId("of").textContent = `of ${frames - 1}${names ? `, ${names[frame]}` : ""}`;
      byId("time").textContent = `${clock(frame / rate)} / ${clock(frames / rate)}`;
      setIcon(byId("play"), playing ? "pause" : "play");
      byId("play").setAttribute("aria-label", playing ? "Stop playing" : "Play");
    },
  );
}

/** Make and keep the buttons of rounds, and the progress of what runs. */
export function mountJob(/** @type {import("./main.js").App} */ { store, actions, say }) {
  for (const direction of ["both", "backward", "forward"])
    byId(direction).addEventListener("click", () => actions.propagate(direction));
  byId("pause").addEventListener("click", () => actions.togglePause());
  byId("cancel").addEventListener("click", () => actions.ask("cancel"));
  let spoken = "";
  onChange(
    store,
    (state) => [state.session?.job, canPropagate(state), state.session?.writer, state.connection],
    (state) => {
      const job = state.session?.job ?? null;
      const isOurs = Boolean(state.session?.writer) && state.connection === "open";
      put(byId("job"), "hidden", !job);
      put(byId("propagate"), "hidden", Boolean(job));
      for (const id of ["both", "backward", "forward"]) put(byId(id), "disabled", !canPropagate(state));
      if (!job) return void (spoken = "");
      const what = job.kind === "propagate" ? "Propagating" : "Exporting";
      put(byId("job-bar"), "value", job.total ? job.done / job.total : 0);
      put(byId("job-text"), "textContent", `${job.paused ? "Paused" : what} ${job.done} / ${job.total}`);
      put(byId("pause-text"), "textContent", job.paused ? "Go on" : "Pause");
      setIcon(byId("pause"), job.paused ? "play" : "pause");
      for (const id of ["pause", "cancel"]) put(byId(id), "disabled", !isOurs);
      const part = `${what} ${Math.floor((SPOKEN * job.done) / Math.max(1, job.total)) * (100 / SPOKEN)} per cent`;
      if (part !== spoken) say(part);
      return void (spoken = part);
    },
  );
}

function clock(/** @type {number} */ seconds) {
  const [minutes, rest] = [Math.floor(seconds / 60), seconds % 60];
  return `${minutes}:${rest.toFixed(2).padStart(5, "0")}`;
}
