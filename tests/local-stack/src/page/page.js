"use strict";

const MODES = [
  ["takes", "204", "good"],
  ["fails", "500", "bad"],
  ["hangs", "nothing", "wait"],
  ["gone", "410", "bad"],
];
const byId = (id) => document.getElementById(id);
const receivers = new Map();
const articles = new Map();

function element(name, options = {}, ...children) {
  const made = document.createElement(name);
  const { data, ...properties } = options;
  Object.assign(made, properties);
  Object.assign(made.dataset, data);
  made.append(...children);
  return made;
}

/** Writes only what differs, so that nothing is read out twice. */
function write(into, text) {
  if (into.textContent !== text) into.textContent = text;
}

async function tell(path, body) {
  const options = { method: "POST", headers: { "content-type": "application/json" }, body: JSON.stringify(body) };
  const answer = await fetch(path, options).catch(() => null);
  if (!answer?.ok) complain(`That did not work: ${answer ? await answer.text() : "the stack has been stopped"}`);
}

function complain(text) {
  byId("problem").hidden = !text;
  write(byId("problem"), text ?? "");
}

// ---------------------------------------------------------------- receivers

function receiver(name) {
  const path = `subscribers/${encodeURIComponent(name)}`;
  const modes = element("div", { className: "modes" });
  for (const [mode, words, kind] of MODES) {
    const input = element("input", { type: "radio", name: `mode-${name}`, value: mode });
    input.addEventListener("change", () => tell(`${path}/mode`, mode));
    modes.append(element("label", { className: kind }, input, words));
  }
  const waiting = element("p", { className: "waiting" });
  const why = element("span");
  const enable = element("button", { type: "button", textContent: `Switch ${name} on again` });
  enable.addEventListener("click", () => tell(`${path}/enable`, null));
  const off = element("p", { className: "bad", hidden: true }, why, " ", enable);
  const fieldset = element("fieldset", { data: { name } }, element("legend", { textContent: `${name} answers` }), modes, waiting, off);
  byId("receivers").append(fieldset);
  return { fieldset, waiting, off, why, enable };
}

function showReceiver(control) {
  const { name, mode, waiting, disabled, invalid } = control;
  if (!receivers.has(name)) receivers.set(name, receiver(name));
  const shown = receivers.get(name);
  shown.fieldset.querySelector(`[value=${mode}]`).checked = true;
  write(shown.waiting, waits(waiting));
  shown.waiting.classList.toggle("wait", waiting > 0);
  shown.waiting.classList.toggle("quiet", waiting === 0);
  shown.off.hidden = !disabled && !invalid;
  shown.enable.hidden = !disabled;
  if (disabled) write(shown.why, `Switched off at ${time(disabled.at)}: ${disabled.reason}.`);
  else if (invalid) write(shown.why, invalid);
}

function waits(count) {
  if (count === 0) return "nothing waits";
  return count === 1 ? "1 delivery waits" : `${count} deliveries wait`;
}

// ---------------------------------------------------------------- events

/** Words and a colour for the state of a delivery; the words change with the time. */
function described(state, attempts) {
  switch (state.is) {
    case "delivered": return [attempts > 1 ? `delivered by attempt ${attempts}` : "delivered", "good"];
    case "waiting": return ["waiting", "wait"];
    case "behind": return [`waiting behind ${state.kind.split(".").at(-1)}`, "wait"];
    case "asked": return [`asked, no answer for ${seconds(state.since)} s`, "wait"];
    case "retrying": {
      const left = -seconds(state.at);
      return [left > 0 ? `failed, attempt ${state.attempt} in about ${left} s` : `failed, attempt ${state.attempt} is due`, "wait"];
    }
    case "last_failed": return ["the last attempt failed", "bad"];
    case "given_up": return ["given up: in the dead-letter queue", "bad"];
    case "set_aside": return ["set aside until it takes events again", "wait"];
    case "dropped": return [state.outcome, "bad"];
    case "switched_off": return ["it wants no more: switched off", "bad"];
    case "off": return ["not kept: switched off", "quiet"];
    case "not_for_it": return ["not for this subscriber", "quiet"];
    default: return [state.is, "quiet"];
  }
}

function seconds(since) {
  return Math.round((Date.now() - new Date(since)) / 1000);
}

function time(at) {
  return new Date(at).toLocaleTimeString([], { hour: "2-digit", minute: "2-digit", second: "2-digit", hourCycle: "h23" });
}

function fate({ subscriber, state, attempts }) {
  const words = element("span", { className: "state" });
  words.say = () => {
    const [text, kind] = described(state, attempts.length);
    words.className = `state ${kind}`;
    write(words, text);
  };
  words.say();
  const tried = element("ol", { className: "attempts" }, ...attempts.map(attempt));
  const signatures = attempts.map((one) => one.signature).filter(Boolean);
  const wrong = signatures.find((signature) => "Err" in signature);
  if (wrong) tried.append(element("li", { className: "proof bad", textContent: wrong.Err }));
  else if (signatures.length) tried.append(element("li", { className: "proof quiet", textContent: "signature verified" }));
  return element("li", { data: { subscriber, state: state.is } }, element("span", { className: "name", textContent: subscriber }), words, tried);
}

function attempt({ number, outcome, status, duration_ms: duration }) {
  const answer = status ?? outcome ?? "asked";
  const took = duration == null ? "" : `, ${duration < 1000 ? `${duration} ms` : `${(duration / 1000).toFixed(1)} s`}`;
  const isGood = status == null ? false : status < 300;
  const kind = status == null && outcome == null ? "wait" : isGood ? "good" : "bad";
  return element("li", { className: kind, textContent: `${number}: ${answer}${took}` });
}

function article({ event }) {
  const fates = element("ul", { className: "fates" });
  const opened = element("div");
  const details = element("details", {}, element("summary", { textContent: "timeline and event" }), opened);
  details.addEventListener("toggle", () => details.open && open(event, opened));
  const editor = event.data.editor?.username;
  const made = element(
    "article", { className: "new", data: { id: event.id } },
    element(
      "header", {},
      element("h3", { textContent: event.type }),
      element("span", { textContent: event.subject }),
      element("span", { className: "title", textContent: event.data.title ?? event.data.reason ?? "" }),
      element("span", { className: "quiet", textContent: [editor && `by ${editor}`, event.replayed && "replayed"].filter(Boolean).join(", ") }),
      element("time", { dateTime: event.time, textContent: time(event.time) }),
    ),
    fates, details,
  );
  return { article: made, fates, shown: "" };
}

async function open(event, into) {
  const answer = await fetch(`events/${event.id}/timeline`).catch(() => null);
  const stages = element("ol", { className: "stages" });
  if (answer?.ok) {
    for (const [milliseconds, what] of await answer.json()) {
      stages.append(element("li", {}, element("b", { textContent: `${milliseconds.toFixed(1)} ms` }), what));
    }
  } else {
    stages.append(element("li", { className: "bad", textContent: answer ? await answer.text() : "The stack has been stopped." }));
  }
  into.replaceChildren(stages, element("pre", { tabIndex: 0, textContent: JSON.stringify(event, null, 2) }));
}

function showEvents(cards) {
  const list = byId("events");
  const ids = new Set(cards.map((card) => card.event.id));
  for (const [id, { article }] of articles) {
    if (!ids.has(id)) { article.remove(); articles.delete(id); }
  }
  // From the oldest, so that each new one stands above those before it.
  for (const card of cards.toReversed()) {
    if (!articles.has(card.event.id)) {
      const made = article(card);
      articles.set(card.event.id, made);
      list.prepend(made.article);
    }
    const kept = articles.get(card.event.id);
    const text = JSON.stringify(card.lines);
    if (kept.shown !== text) {
      kept.fates.replaceChildren(...card.lines.map(fate));
      kept.shown = text;
    }
  }
}

// ---------------------------------------------------------------- following

function show({ board, problem }) {
  complain(problem);
  board.subscribers.forEach(showReceiver);
  showEvents(board.events);
  if (!board.events.length) return;
  const lanes = board.subscribers.map(({ name, waiting, disabled }) => `${name}: ${disabled ? "switched off" : waits(waiting)}`);
  write(byId("status"), `${lanes.join(". ")}.`);
}

async function follow() {
  let version = 0;
  for (;;) {
    try {
      const drawn = await (await fetch(`board?after=${version}`)).json();
      if (drawn.version !== version) show(drawn);
      version = drawn.version;
    } catch {
      write(byId("status"), "The stack has been stopped.");
      return;
    }
  }
}

setInterval(() => document.querySelectorAll(".state").forEach((words) => words.say()), 250);
follow();
