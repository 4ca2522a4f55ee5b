// Supervision on the page: the agent asks for help and sees who listens, a supervisor listens,
// whispers, talks, takes over and leaves. Shows what the engine says; agent.js calls the three
// functions at the end.
"use strict";

const MODES = { monitor: "Listen", whisper: "Whisper", barge: "Talk", take_over: "Take over" };
const CARDS_MAX = 12; // so many calls are looked at for supervisors, each by a request

function isSupervising() {
  return me.role !== "agent";
}

function heardBy(supervisor) {
  if (supervisor.heard_by.includes("caller")) return "heard by everybody";
  return supervisor.heard_by.length ? "heard by the agent alone" : "heard by nobody";
}

function actionButton(text, card, act, data = {}) {
  const button = element("button", text);
  button.type = "button";
  Object.assign(button.dataset, data);
  button.addEventListener("click", async () => {
    button.disabled = true;
    tell(card, null);
    try {
      await act();
    } catch (problem) {
      tell(card, problem);
    }
    button.disabled = false;
    await readSupervision(card);
  });
  return button;
}

function supervisorLine(card, each) {
  const path = `/v1/calls/${card.item.conference_sid}/supervisors/${each.id}`;
  const line = element("li", `${each.address} ${words(each.state)}, ${heardBy(each)} `);
  if (each.reason) line.append(`(${words(each.reason)}) `);
  const buttons = Object.keys(MODES)
    .filter((mode) => each.allowed.includes(mode) && mode !== each.mode)
    .map((mode) =>
      actionButton(MODES[mode], card, () => ask("PATCH", path, { mode }), { mode, of: each.id }),
    );
  if (each.allowed.includes("leave")) {
    buttons.push(actionButton("Leave", card, () => ask("DELETE", path), { mode: "leave" }));
  }
  line.append(...buttons);
  return line;
}

function joinButtons(card, box, help) {
  const phone = box.querySelector("input");
  phone.hidden = Boolean(me.address);
  const path = `/v1/calls/${card.item.conference_sid}/supervisors`;
  const join = (mode) => {
    const body = { mode, takes_help: help?.state === "open" };
    if (phone.value.trim()) body.supervisor = phone.value.trim();
    card.joinKey ??= newKey();
    return ask("POST", path, body, { "Idempotency-Key": card.joinKey }).finally(() => {
      card.joinKey = null;
    });
  };
  return Object.keys(MODES)
    .filter((mode) => mode !== "take_over")
    .map((mode) => actionButton(MODES[mode], card, () => join(mode), { join: mode }));
}

function helpButton(card, help) {
  const path = `/v1/calls/${card.item.conference_sid}/help`;
  return help?.state === "open"
    ? actionButton("I do not need help any more", card, () => ask("DELETE", path))
    : actionButton("Ask for a supervisor", card, () => ask("POST", path));
}

function drawSupervision(card, seen) {
  const shown = JSON.stringify([seen, me.role]);
  if (shown === card.supervision) return;
  card.supervision = shown;
  const box = card.root.querySelector(".supervision");
  const live = seen.supervisors.filter((each) => !each.is_over);
  box.querySelector("ul").replaceChildren(...live.map((each) => supervisorLine(card, each)));
  const call = box.querySelector(".help");
  call.hidden = seen.help?.state !== "open";
  call.textContent = call.hidden ? "" : `${seen.help.agent} asks for a supervisor.`;
  const buttons = isSupervising()
    ? joinButtons(card, box, seen.help)
    : [helpButton(card, seen.help)];
  box.querySelector("input").hidden ||= !isSupervising();
  box.querySelector(".supervise").replaceChildren(...buttons);
  box.hidden = false;
}

async function readSupervision(card) {
  try {
    drawSupervision(card, await ask("GET", `/v1/calls/${card.item.conference_sid}/supervisors`));
  } catch (problem) {
    if (problem.status !== 404) tell(card, problem);
  }
}

// After each look at the calls.
function superviseCards() {
  for (const card of [...cards.values()].slice(0, CARDS_MAX)) readSupervision(card);
}
