// The state of a run that is under way, and the time axes of charts in the viewer's zone.
"use strict";

(() => {
  const dayMicros = 86400e6;

  function localAxis(svg) {
    const ticks = [...svg.querySelectorAll("text[data-micros]")];
    const times = ticks.map((tick) => Number(tick.dataset.micros) / 1000);
    const step = times.length > 1 ? (times[1] - times[0]) * 1000 : dayMicros;
    const form =
      step >= 28 * dayMicros ? { month: "short", year: "numeric" }
      : step >= dayMicros ? { day: "numeric", month: "short" }
      : step >= 60e6 ? { hour: "2-digit", minute: "2-digit" }
      : { hour: "2-digit", minute: "2-digit", second: "2-digit", fractionalSecondDigits: step < 1e6 ? 3 : undefined };
    ticks.forEach((tick, number) => {
      const at = new Date(times[number]);
      if (Number.isNaN(at.getTime())) return;
      const utc = document.createElementNS("http://www.w3.org/2000/svg", "title");
      utc.textContent = at.toISOString();
      tick.textContent = at.toLocaleString(navigator.language, form);
      tick.append(utc);
    });
    const zone = svg.closest("figure").querySelector("[data-zone]");
    if (zone) zone.textContent = `(${Intl.DateTimeFormat().resolvedOptions().timeZone})`;
  }

  /** Several bars are picked by dragging over them: their entries are shown together. */
  function pickable(svg) {
    const bars = [...svg.querySelectorAll("a")];
    const hint = svg.closest("figure").querySelector("[data-drag]");
    if (hint) hint.hidden = bars.length < 2;
    let begun = -1;
    const at = (event) => bars.indexOf(document.elementFromPoint(event.clientX, event.clientY)?.closest("a"));
    const mark = (from, to) =>
      bars.forEach((bar, number) => bar.classList.toggle("picked", number >= from && number <= to));
    svg.addEventListener("dragstart", (event) => event.preventDefault());
    svg.addEventListener("pointerdown", (event) => {
      begun = event.button === 0 ? at(event) : -1;
    });
    svg.addEventListener("pointermove", (event) => {
      const now = at(event);
      if (begun >= 0 && now >= 0) mark(Math.min(begun, now), Math.max(begun, now));
    });
    svg.addEventListener("pointerup", (event) => {
      const ended = at(event);
      const picked = [begun, ended].sort((one, other) => one - other);
      begun = -1;
      mark(0, -1);
      if (picked[0] < 0 || picked[0] === picked[1]) return;  // a click: the link does what it does
      const [first, last] = picked.map((number) => new URL(bars[number].href.baseVal, location.href));
      first.searchParams.set("to", last.searchParams.get("to"));
      location.assign(first);
    });
  }

  function enhance(root) {
    for (const svg of root.querySelectorAll("svg.histogram")) {
      localAxis(svg);
      pickable(svg);
    }
  }

  enhance(document);
  document.addEventListener("replaced", (event) => enhance(event.detail));

  const run = document.querySelector("[data-poll]");
  if (!run) return;
  let wait = 500;
  async function look() {
    try {
      const answer = await fetch(run.dataset.poll, { headers: { Accept: "application/json" } });
      if (!answer.ok) throw new Error(answer.status);
      const told = await answer.json();
      if (told.finished) {
        location.reload();
        return;
      }
      run.querySelector("[data-state]").textContent = told.state;
      run.querySelector("[data-state]").className = `state state-${told.state}`;
      wait = Math.min(wait * 1.3, 5000);
    } catch {
      wait = Math.min(wait * 2, 30000);  // the server is away: it is asked again, less and less often
    }
    setTimeout(look, wait);
  }
  setTimeout(look, wait);
})();
