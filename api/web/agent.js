// The agent page. Shows what the engine says and nothing that it guesses itself: people, states and
// buttons are those of the last answer. Texts are set as text, never as HTML.
"use strict";

const CALLS_MS = 1500; // a new call may show this much later; steps of a transfer come at once
const TIMER_MS = 1000;
const JOURNAL_LINES = 12;
const VERBS = {
  complete: "Complete",
  swap: "Swap",
  join: "Talk all three",
  "drop-target": "Let the target go",
  cancel: "Cancel",
};
const PRESENCE = {
  none: "not dialled",
  dialed: "being dialled",
  ringing: "rings",
  screened: "is asked to accept",
  present: "is on the call",
  leaving: "leaves",
  gone: "gone",
};

const RECORDING = { recording: "recording", paused: "recording paused" };

const byId = (id) => document.getElementById(id);
const cards = new Map(); // conference SID -> { root, stream, item, draftKey }
let key = "";
let me = { role: "", address: "" };
let timer = 0;
let epoch = 0; // answers to an earlier sign-in are dropped

// --- the engine ----------------------------------------------------------------------------------

class Problem extends Error {
  constructor(body, status) {
    super(body.detail || `The engine answered ${status}.`);
    this.body = body;
    this.status = status;
  }
}

async function ask(method, path, body, headers = {}) {
  let answer;
  try {
    answer = await fetch(path, {
      method,
      headers: {
        Authorization: `Bearer ${key}`,
        ...(body ? { "Content-Type": "application/json" } : {}),
        ...headers,
      },
      body: body ? JSON.stringify(body) : undefined,
    });
  } catch {
    throw new Problem({ detail: "The engine cannot be reached. Trying again …" }, 0);
  }
  const value = answer.status === 204 ? {} : await answer.json().catch(() => ({}));
  if (!answer.ok) throw new Problem(value, answer.status);
  return value;
}

function newKey() {
  const bytes = crypto.getRandomValues(new Uint8Array(16));
  return Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join("");
}

// Every step of a transfer, until it is over or the card is gone.
async function listen(card, id) {
  const stop = new AbortController();
  card.stream = { id, stop };
  let last = "";
  while (!stop.signal.aborted) {
    try {
      const headers = { Authorization: `Bearer ${key}`, ...(last && { "Last-Event-ID": last }) };
      const answer = await fetch(`/v1/transfers/${id}/events`, { headers, signal: stop.signal });
      if (answer.status !== 200) return;
      for await (const event of eventsOf(answer.body)) {
        last = event.id;
        const step = JSON.parse(event.data);
        if (card.stream?.id !== id) return;
        card.journal.push(step);
        if (step.transfer) {
          card.item = { ...card.item, transfer: step.transfer, people: step.transfer.people };
          if (step.transfer.recording) card.item.recording = step.transfer.recording;
          draw(card);
        }
        if (event.event === "over") return void refresh();
      }
    } catch {
      if (stop.signal.aborted) return;
    }
    await new Promise((resolve) => setTimeout(resolve, 1000));
  }
}

async function* eventsOf(body) {
  const reader = body.pipeThrough(new TextDecoderStream()).getReader();
  let text = "";
  for (;;) {
    const { value, done } = await reader.read();
    if (done) return;
    text = (text + value).replaceAll("\r\n", "\n");
    const blocks = text.split("\n\n");
    text = blocks.pop();
    for (const block of blocks) {
      const event = {};
      for (const line of block.split("\n")) {
        const at = line.indexOf(": ");
        if (at > 0) event[line.slice(0, at)] = line.slice(at + 2);
      }
      if (event.data) yield event;
    }
  }
}

// --- what is shown -------------------------------------------------------------------------------

function element(tag, text, className) {
  const made = document.createElement(tag);
  if (text !== undefined) made.textContent = text;
  if (className) made.className = className;
  return made;
}

function row(cells, className) {
  const made = element("tr", undefined, className);
  made.append(...cells.map((cell) => element("td", cell)));
  return made;
}

function clock(seconds) {
  return new Date(seconds * 1000).toLocaleTimeString();
}

function words(name) {
  return name.replaceAll("_", " ");
}

function draw(card) {
  const { root, item } = card;
  const transfer = item.transfer && !item.transfer.is_over ? item.transfer : null;
  const still = { ...item, hold: item.hold && { ...item.hold, at: 0, hold_seconds: 0 } };
  const shown = JSON.stringify([still, card.journal.length]);
  if (shown === card.shown) return;
  card.shown = shown;
  root.querySelector("h3").textContent = `Call …${item.conference_sid.slice(-6)}`;
  const state = root.querySelector(".state");
  const between = item.hold?.state ?? item.call?.state ?? "between transfers";
  state.textContent = words(transfer?.state ?? between);
  state.className = `state ${transfer ? "live" : "talking"}`;
  root.querySelector(".waits").textContent = transfer ? waiting(transfer) : outcome(item.transfer);
  root.querySelector(".people tbody").replaceChildren(
    ...item.people
      .filter((person) => person.presence !== "none")
      .map((person) =>
        row(
          [
            person.party,
            person.address || "–",
            person.is_hold_doubtful
              ? "may be heard"
              : person.held
                ? "on hold"
                : (PRESENCE[person.presence] ?? person.presence),
            person.hears.join(", ") || "nobody",
          ],
          person.presence === "gone" ? "gone" : "",
        ),
      ),
  );
  drawButtons(card, transfer);
  drawHold(card, transfer);
  drawRecording(card);
  drawJournal(card);
  root.querySelector(".start").hidden = transfer !== null;
}

function drawButtons(card, transfer) {
  const allowed = transfer?.allowed ?? [];
  const buttons = Object.keys(VERBS)
    .filter((verb) => allowed.includes(verb))
    .map((verb, number) => {
      const button = element("button", VERBS[verb], number ? "" : "first");
      button.type = "button";
      button.dataset.verb = verb;
      button.addEventListener("click", () => press(card, transfer.id, verb, button));
      return button;
    });
  card.root.querySelector(".buttons").replaceChildren(...buttons);
}

// Where nothing is recorded there is nothing to be shown.
function drawRecording(card) {
  const recording = card.item.recording;
  const shown = RECORDING[recording?.state];
  const badge = card.root.querySelector(".recording");
  badge.hidden = !shown;
  badge.textContent = shown ?? "";
  badge.className = `recording ${recording?.state ?? ""}`;
  const box = card.root.querySelector(".recorder");
  box.hidden = !shown;
  if (!shown) return;
  const isOn = recording.state === "recording" || recording.resumes_after_consult;
  const button = box.querySelector("button");
  button.textContent = isOn ? "Pause the recording" : "Resume the recording";
  button.dataset.word = isOn ? "pause" : "resume";
  button.onclick = () => record(card, button);
  box.querySelector("span").textContent = recordingNote(recording);
}

function recordingNote(recording) {
  if (recording.is_doubtful) return "Not certain: take it that you are recorded.";
  if (recording.resumes_after_consult) return "Goes on after the consult.";
  if (recording.by === "person") return "Stays paused until somebody resumes it.";
  return "";
}

function drawJournal(card) {
  const box = card.root.querySelector(".journal");
  box.hidden = card.journal.length === 0;
  const lines = card.journal.slice(-JOURNAL_LINES).map((step) => {
    const line = element("li");
    line.append(`${clock(step.at)} `, element("b", step.heard));
    if (step.state_from !== step.state_to) line.append(` → ${words(step.state_to)}`);
    if (step.note) line.append(` (${step.note})`);
    return line;
  });
  box.querySelector("ol").replaceChildren(...lines);
}

function waiting(transfer) {
  return transfer.waits_for ? `Waits for ${transfer.waits_for}.` : "";
}

function outcome(transfer) {
  if (!transfer?.is_over) return "";
  return `The last transfer was ${transfer.state}: ${words(transfer.reason)}.`;
}

function drawLatest(transfers) {
  byId("latest").hidden = transfers.length === 0;
  byId("no-latest").hidden = transfers.length > 0;
  byId("latest").tBodies[0].replaceChildren(
    ...transfers.map((each) =>
      row([
        each.kind,
        clock(each.ended_at ?? each.since),
        each.state,
        words(each.reason),
        `${each.hold_seconds.toFixed(1)} s`,
      ]),
    ),
  );
}

function trouble(message) {
  byId("trouble").hidden = !message;
  byId("trouble").textContent = message;
}

function tell(card, problem) {
  const box = card.root.querySelector(".problem");
  box.hidden = !problem;
  box.textContent = problem ? problem.message : "";
}

// --- what is done --------------------------------------------------------------------------------

async function press(card, id, verb, button) {
  for (const each of card.root.querySelectorAll(".buttons button")) each.disabled = true;
  tell(card, null);
  try {
    const transfer = await ask("POST", `/v1/transfers/${id}/${verb}`, null, {
      "Idempotency-Key": newKey(),
    });
    card.item = { ...card.item, transfer, people: transfer.people };
  } catch (problem) {
    tell(card, problem);
    if (problem.body?.transfer) card.item = { ...card.item, transfer: problem.body.transfer };
  }
  card.shown = "";
  draw(card);
  button.blur();
}

async function record(card, button) {
  const sid = card.item.conference_sid;
  button.disabled = true;
  tell(card, null);
  try {
    const recording = await ask("POST", `/v1/calls/${sid}/recording/${button.dataset.word}`, null, {
      "Idempotency-Key": newKey(),
    });
    card.item = { ...card.item, recording };
  } catch (problem) {
    tell(card, problem);
  }
  button.disabled = false;
  card.shown = "";
  draw(card);
}

async function start(card, form) {
  const fields = form.elements;
  const body = {
    kind: fields.kind.value,
    call: { conference_sid: card.item.conference_sid },
    targets: fields.targets.value.split(/[,\s]+/).filter(Boolean),
  };
  const agent = card.item.people.find((each) => each.party !== "caller" && isHere(each));
  if (agent && me.role !== "agent") body.agent = agent.address;
  if (body.kind === "cold") body.policy = { release_agent: fields.release_agent.value };
  // The key stays the same until the engine has answered: a start that got lost is not done twice.
  card.draftKey ??= newKey();
  const button = form.querySelector("button");
  button.disabled = true;
  tell(card, null);
  try {
    const transfer = await ask("POST", "/v1/transfers", body, { "Idempotency-Key": card.draftKey });
    card.draftKey = null;
    fields.targets.value = "";
    card.item = { ...card.item, transfer, people: transfer.people };
    follow(card);
    draw(card);
  } catch (problem) {
    if (problem.status >= 400 && problem.status < 500) card.draftKey = null;
    tell(card, problem);
  }
  button.disabled = false;
}

function isHere(person) {
  return !["none", "gone", "leaving"].includes(person.presence);
}

function makeCard(item) {
  const root = byId("call-template").content.firstElementChild.cloneNode(true);
  const card = { root, item, journal: [], stream: null, draftKey: null, holdKey: null, shown: "" };
  take(card, item);
  const form = root.querySelector("form");
  form.addEventListener("submit", (event) => {
    event.preventDefault();
    start(card, form);
  });
  form.addEventListener("input", () => {
    card.draftKey = null;
    form.querySelector(".cold").hidden = form.elements.kind.value !== "cold";
  });
  cards.set(item.conference_sid, card);
  byId("calls").append(root);
  return card;
}

function dropCard(sid) {
  const card = cards.get(sid);
  card.stream?.stop.abort();
  card.root.remove();
  cards.delete(sid);
}

// Listens to the live transfer of a card, once.
function follow(card) {
  const transfer = card.item.transfer;
  if (!transfer || transfer.is_over || card.stream?.id === transfer.id) return;
  card.stream?.stop.abort();
  card.journal = [];
  listen(card, transfer.id);
}

async function refresh() {
  const mine = epoch;
  clearTimeout(timer);
  try {
    if (!me.role) me = await ask("GET", "/v1/me");
    const [calls, over] = await Promise.all([
      ask("GET", "/v1/calls"),
      ask("GET", "/v1/transfers?state=over&limit=8"),
    ]);
    if (mine !== epoch) return;
    trouble("");
    byId("status").textContent = `Signed in as ${me.address || me.role} (${me.role})`;
    byId("no-calls").hidden = calls.items.length > 0;
    byId("no-calls").textContent = "No live call of yours.";
    const live = new Set(calls.items.map((item) => item.conference_sid));
    for (const sid of [...cards.keys()]) if (!live.has(sid)) dropCard(sid);
    for (const item of calls.items) {
      const card = cards.get(item.conference_sid) ?? makeCard(item);
      if ((item.transfer?.step ?? 0) >= (card.item.transfer?.step ?? 0) || isNewer(item, card)) {
        take(card, item);
      }
      follow(card);
      draw(card);
    }
    drawLatest(over.items);
    superviseCards();
  } catch (problem) {
    if (mine !== epoch) return;
    if (problem.status === 401) return signOut("That key is not known, or has expired.");
    trouble(problem.message);
  }
  if (mine === epoch) timer = setTimeout(refresh, CALLS_MS);
}

function isNewer(item, card) {
  return item.transfer?.id !== card.item.transfer?.id;
}

function signIn(given) {
  key = given;
  epoch += 1;
  sessionStorage.setItem("key", key);
  byId("sign-in").hidden = true;
  byId("sign-out").hidden = false;
  refresh();
}

function signOut(message = "") {
  epoch += 1;
  clearTimeout(timer);
  key = "";
  me = { role: "", address: "" };
  sessionStorage.removeItem("key");
  for (const sid of [...cards.keys()]) dropCard(sid);
  drawLatest([]);
  byId("sign-in").hidden = false;
  byId("sign-out").hidden = true;
  byId("key").value = "";
  byId("status").textContent = "Not signed in";
  byId("no-calls").hidden = false;
  byId("no-calls").textContent = "Sign in to see the calls that you are on.";
  trouble(message);
}

async function showPhones() {
  const config = await fetch("/web/config.json").then((answer) => answer.json());
  if (!config.simulator_url) return;
  byId("phones-frame").src = `${config.simulator_url}/`;
  byId("phones").hidden = false;
  document.querySelector("main").classList.add("with-phones");
}

byId("sign-in").addEventListener("submit", (event) => {
  event.preventDefault();
  signIn(byId("key").value.trim());
});
byId("sign-out").addEventListener("click", () => signOut());

// A key may come in the address's fragment, which is never sent to a server.
const given = new URLSearchParams(location.hash.slice(1)).get("key");
if (given) history.replaceState(null, "", location.pathname);
const known = given ?? sessionStorage.getItem("key");
if (known) signIn(known);
setInterval(() => cards.forEach(drawTimer), TIMER_MS);
showPhones();
