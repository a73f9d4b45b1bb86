"use strict";

const MODES = [
  ["accepts", "204", "good"],
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

/** Sets a text only if it differs, so that a screen reader does not read it twice. */
function setText(element, text) {
  if (element.textContent !== text) element.textContent = text;
}

async function post(path, body) {
  const options = { method: "POST", headers: { "content-type": "application/json" }, body: JSON.stringify(body) };
  const answer = await fetch(path, options).catch(() => null);
  if (!answer?.ok) showProblem(`That did not work: ${answer ? await answer.text() : "the stack has been stopped"}`);
}

function showProblem(text) {
  byId("problem").hidden = !text;
  setText(byId("problem"), text ?? "");
}

// ---------------------------------------------------------------- receivers

function receiver(name) {
  const path = `subscribers/${encodeURIComponent(name)}`;
  const modes = element("div", { className: "modes" });
  for (const [mode, answer, kind] of MODES) {
    const input = element("input", { type: "radio", name: `mode-${name}`, value: mode });
    input.addEventListener("change", () => post(`${path}/mode`, mode));
    modes.append(element("label", { className: kind }, input, answer));
  }
  const waiting = element("p", { className: "waiting" });
  const why = element("span");
  const enable = element("button", { type: "button", textContent: `Enable ${name} again` });
  enable.addEventListener("click", () => post(`${path}/enable`, null));
  const off = element("p", { className: "bad", hidden: true }, why, " ", enable);
  const fieldset = element("fieldset", { data: { name } }, element("legend", { textContent: `${name} answers` }), modes, waiting, off);
  byId("receivers").append(fieldset);
  return { fieldset, waiting, off, why, enable };
}

function showReceiver({ name, mode, waiting, disabled, invalid }) {
  if (!receivers.has(name)) receivers.set(name, receiver(name));
  const shown = receivers.get(name);
  shown.fieldset.querySelector(`[value=${mode}]`).checked = true;
  setText(shown.waiting, waits(waiting));
  shown.waiting.classList.toggle("wait", waiting > 0);
  shown.waiting.classList.toggle("quiet", waiting === 0);
  shown.off.hidden = !disabled && !invalid;
  shown.enable.hidden = !disabled;
  if (disabled) setText(shown.why, `Disabled at ${time(disabled.at)}: ${disabled.reason}.`);
  else if (invalid) setText(shown.why, invalid);
}

function waits(count) {
  if (count === 0) return "nothing waits";
  return count === 1 ? "1 delivery waits" : `${count} deliveries wait`;
}

// ---------------------------------------------------------------- events

/** Returns the text and the colour for the state of a delivery. Some texts contain the time that has passed. */
function describe(state, attempts) {
  switch (state.name) {
    case "delivered": return [attempts > 1 ? `delivered by attempt ${attempts}` : "delivered", "good"];
    case "queued": return ["waiting", "wait"];
    case "blocked": return [`waiting behind ${state.kind.split(".").at(-1)}`, "wait"];
    case "in_flight": return [`sent, no answer for ${seconds(state.since)} s`, "wait"];
    case "retrying": {
      const left = -seconds(state.at);
      return [left > 0 ? `failed, attempt ${state.attempt} in about ${left} s` : `failed, attempt ${state.attempt} is due`, "wait"];
    }
    case "last_attempt_failed": return ["the last attempt failed", "bad"];
    case "given_up": return ["given up: in the dead-letter queue", "bad"];
    case "set_aside": return ["set aside until the subscriber accepts events again", "wait"];
    case "dropped": return [`dropped: ${state.reason}`, "bad"];
    case "receiver_gone": return ["410 Gone: the subscriber is disabled", "bad"];
    case "disabled": return ["not kept: the subscriber was disabled", "quiet"];
    case "filtered": return ["not for this subscriber", "quiet"];
    default: return [state.name, "quiet"];
  }
}

function seconds(since) {
  return Math.round((Date.now() - new Date(since)) / 1000);
}

function time(at) {
  return new Date(at).toLocaleTimeString([], { hour: "2-digit", minute: "2-digit", second: "2-digit", hourCycle: "h23" });
}

function delivery({ subscriber, state, attempts }) {
  const description = element("span", { className: "state" });
  description.update = () => {
    const [text, kind] = describe(state, attempts.length);
    description.className = `state ${kind}`;
    setText(description, text);
  };
  description.update();
  const list = element("ol", { className: "attempts" }, ...attempts.map(attempt));
  const signatures = attempts.map((one) => one.signature).filter(Boolean);
  const wrong = signatures.find((signature) => "Err" in signature);
  if (wrong) list.append(element("li", { className: "signature bad", textContent: wrong.Err }));
  else if (signatures.length) list.append(element("li", { className: "signature quiet", textContent: "signature verified" }));
  return element("li", { data: { subscriber, state: state.name } }, element("span", { className: "name", textContent: subscriber }), description, list);
}

function attempt({ number, outcome, status, duration_ms: duration }) {
  const answer = status ?? outcome ?? "sent";
  const took = duration == null ? "" : `, ${duration < 1000 ? `${duration} ms` : `${(duration / 1000).toFixed(1)} s`}`;
  const isGood = status == null ? false : status < 300;
  const kind = status == null && outcome == null ? "wait" : isGood ? "good" : "bad";
  return element("li", { className: kind, textContent: `${number}: ${answer}${took}` });
}

function article({ event }) {
  const deliveries = element("ul", { className: "deliveries" });
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
    deliveries, details,
  );
  return { article: made, deliveries, shown: "" };
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

function showEvents(events) {
  const list = byId("events");
  const ids = new Set(events.map(({ event }) => event.id));
  for (const [id, { article }] of articles) {
    if (!ids.has(id)) { article.remove(); articles.delete(id); }
  }
  // From the oldest to the newest, so that each new article stands above the others.
  for (const view of events.toReversed()) {
    if (!articles.has(view.event.id)) {
      const made = article(view);
      articles.set(view.event.id, made);
      list.prepend(made.article);
    }
    const kept = articles.get(view.event.id);
    const text = JSON.stringify(view.deliveries);
    if (kept.shown !== text) {
      kept.deliveries.replaceChildren(...view.deliveries.map(delivery));
      kept.shown = text;
    }
  }
}

// ---------------------------------------------------------------- following

function show({ view, problem }) {
  showProblem(problem);
  view.subscribers.forEach(showReceiver);
  showEvents(view.events);
  if (!view.events.length) return;
  const states = view.subscribers.map(({ name, waiting, disabled }) => `${name}: ${disabled ? "disabled" : waits(waiting)}`);
  setText(byId("status"), `${states.join(". ")}.`);
}

async function follow() {
  let version = 0;
  for (;;) {
    try {
      const current = await (await fetch(`view?after=${version}`)).json();
      if (current.version !== version) show(current);
      version = current.version;
    } catch {
      setText(byId("status"), "The stack has been stopped.");
      return;
    }
  }
}

setInterval(() => document.querySelectorAll(".state").forEach((description) => description.update()), 250);
follow();
