// Drives the simulator with Twilio's official Node SDK and prints what it saw as one line of JSON.
// The account's address is rewritten below the SDK, in its HTTP client, so the SDK itself is as shipped.
import twilio from "twilio";

const [, , base, accountSid, authToken, number, room] = process.argv;

class SimulatorClient extends twilio.RequestClient {
  request(options) {
    return super.request({ ...options, uri: options.uri.replace("https://api.twilio.com", base) });
  }
}

const client = twilio(accountSid, authToken, { httpClient: new SimulatorClient() });
const people = client.conferences(room).participants;

async function failure(promise) {
  try {
    await promise;
    return null;
  } catch (error) {
    return { name: error.constructor.name, status: error.status, code: error.code, message: error.message };
  }
}

const made = await people.create({
  from: number,
  to: "client:agent",
  label: "agent",
  endConferenceOnExit: true,
  statusCallbackEvent: ["initiated", "ringing"],
});
const call = await client.calls.create({ from: number, to: "client:other", twiml: "<Response/>" });
const taken = await failure(people.create({ from: number, to: "client:agent", label: "agent" }));
const missing = await failure(client.calls("CA" + "0".repeat(32)).fetch());
const held = await people("agent").update({ hold: true });
const unheld = await people("agent").update({ hold: false, muted: true });
const fetched = await people("agent").fetch();
const listed = await people.list({ muted: true });
for (let index = 0; index < 5; index += 1) {
  await client.calls.create({ from: number, to: `client:page${index}`, twiml: "<Response/>" });
}
const everyCall = await client.calls.list({ pageSize: 2 });
const removed = await people("agent").remove();
const rooms = await client.conferences.list({ friendlyName: "support", status: "init" });
const ended = await client.conferences(room).update({ status: "completed" });
const canceled = await client.calls(call.sid).update({ status: "canceled" });
const numbers = await client.incomingPhoneNumbers.list({ phoneNumber: number });
const changed = await client
  .incomingPhoneNumbers(numbers[0].sid)
  .update({ friendlyName: "Front desk", voiceUrl: "http://127.0.0.1:9/voice" });

console.log(
  JSON.stringify({
    made: { status: made.status, label: made.label, end: made.endConferenceOnExit, date: made.dateCreated },
    call: { status: call.status, direction: call.direction },
    taken,
    missing,
    held: held.hold,
    unheld: [unheld.hold, unheld.muted],
    fetched: fetched.callSid === made.callSid,
    listed: listed.map((one) => one.callSid),
    madeSid: made.callSid,
    calls: everyCall.length,
    pages: everyCall.map((one) => one.to).filter((to) => to.startsWith("client:page")).length,
    removed,
    rooms: rooms.map((one) => one.sid),
    ended: [ended.status, ended.reasonConferenceEnded],
    canceled: canceled.status,
    number: [changed.friendlyName, changed.voiceUrl],
  }),
);
