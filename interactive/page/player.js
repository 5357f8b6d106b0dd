/** Plays at the video's rate; frames that come too late are skipped. */

const PATIENCE = 2000; // milliseconds to wait for a frame; one that is damaged never comes

/** @returns {{toggle: () => void}} */
export function createPlayer(/** @type {import("./main.js").App} */ { store, stage }) {
  let [began, from, asked] = [0, 0, 0];

  function tick(/** @type {number} */ now) {
    const { playing, session, frame } = store.get();
    if (!playing || !session) return;
    const { rate, frames } = session.video;
    const passed = Math.max(0, now - began); // a frame of the animation may begin before the click
    const due = (from + Math.floor((passed / 1000) * rate)) % frames;
    if (due !== frame && (stage.shown?.frame === frame || now - asked > PATIENCE)) {
      asked = now;
      store.set({ frame: due });
    }
    requestAnimationFrame(tick);
  }

  return {
    toggle() {
      const { playing, session, frame } = store.get();
      if (!session) return;
      const start = frame === session.video.frames - 1 ? 0 : frame;
      store.set({ playing: !playing, frame: playing ? frame : start, following: false, region: null });
      [began, from, asked] = [performance.now(), start, performance.now()];
      if (!playing) requestAnimationFrame(tick);
    },
  };
}
