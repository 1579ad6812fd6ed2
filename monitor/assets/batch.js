// The page of one batch. It looks again until the batch has ended.
import { application, ask, byId, figures, rows, say, tell } from "/assets/dom.js";
import { batchTime, cut, duration, number, several } from "/assets/format.js";
import { showCondition } from "/assets/header.js";
import { condition } from "/assets/link.js";
import { failure } from "/assets/tables.js";

/** Milliseconds between two looks. */
const AGAIN = 1000;

const figure = (text) => ({ text, className: "number" });

/** One row for each job of each output, an output without jobs has one; behind them those jobs that no output ran. */
export function lines(operations, jobs) {
  const ofOutputs = operations.flatMap((operation) => (operation.jobs.length ? operation.jobs : [null]).map((job, position) => ({ operation, job, first: position === 0 })));
  return [...ofOutputs, ...jobs.filter((job) => job.outputOpId === null).map((job) => ({ operation: null, job, first: false }))];
}

/** The cells of such a row. */
export function cells({ operation, job, first }) {
  const status = first ? progress(operation) : operation ? "" : job.failureReason === null ? "succeeded" : "failed";
  const failed = operation ? operation.status === "FAILED" : job.failureReason !== null;
  return {
    className: failed ? "failed" : "",
    cells: [
      figure(first ? String(operation.outputOpId) : operation ? "" : "-"),
      { text: first ? operation.description : operation ? `· ${job.description}` : job.description, className: "place" },
      figure(first ? duration(operation.duration) : operation ? "" : "-"), status,
      figure(job ? String(job.jobId) : "-"), figure(job ? duration(job.duration) : "-"),
      job ? `${job.numCompletedStages}/${job.numTotalStages}${shuffles(job)}` : "-",
      job ? `${job.numCompletedTasks}/${job.numTotalTasks}${job.numFailedTasks ? ` (${job.numFailedTasks} failed)` : ""}` : "-",
      failure((first ? operation.failureReason : null) ?? job?.failureReason),
    ],
  };
}

/** How an output stands. */
const progress = ({ status, startTime }) => (status === "PROCESSING" ? `processing since ${batchTime(Date.parse(startTime.replace("GMT", "Z")), 1000, false)}` : status.toLowerCase());

/** What is known of what a batch read of a stream: its first part, and all of them when that is opened. */
export function metadata({ parts, description, numOmittedParts }) {
  const more = numOmittedParts > 0 ? `\nand ${number(numOmittedParts)} more` : "";
  const all = parts.length + numOmittedParts;
  if (all <= 1 && description.length <= 160) return { text: description, className: "long" };
  const first = cut(parts[0] ?? "", 160);
  return { text: all > 1 ? `${first} and ${number(all - 1)} more` : first, details: description + more, className: "long", plain: true };
}

/** What is not kept of a batch, as a sentence; nothing when all is. */
export function omitted({ numOmittedJobs: jobs, numOmittedStages: stages, numShortenedFailures: failures }) {
  const left = [[jobs, "job"], [stages, "stage"]].filter(([count]) => count > 0).map(([count, one]) => several(count, one));
  const told = left.length ? [`${left.join(" and ")} more ${jobs + stages === 1 ? "is" : "are"} not kept.`] : [];
  if (failures > 0) told.push(`Of ${several(failures, "failure")} only the beginning is kept.`);
  return told.join(" ");
}

function shuffles(job) {
  const through = job.stages.filter((stage) => stage.shuffle).length;
  return through ? `, ${through} ${through === 1 ? "shuffle" : "shuffles"}` : "";
}

const titled = (text) => {
  say(byId("title"), text);
  document.title = text;
};

function show(batch, operations, jobs, streams) {
  // An output that has failed may be tried again as long as its batch runs.
  const failed = batch.firstFailureReason !== null && batch.status === "COMPLETED";
  titled(`Details of batch at ${batchTime(batch.batchId, batch.batchDuration)}`);
  const kind = failed ? "bad" : batch.status === "COMPLETED" ? "good" : "";
  showCondition(byId("status"), byId("condition"), { badge: [failed ? "FAILED" : batch.status, kind], message: "" });
  tell(byId("trouble"), failed ? batch.firstFailureReason : "");
  const told = [
    ["Batch Duration", duration(batch.batchDuration)],
    ["Input data size", `${number(batch.inputSize)} records`],
    ["Scheduling delay", duration(batch.schedulingDelay)],
    ["Processing time", duration(batch.processingTime)],
    ["Total delay", duration(batch.totalDelay)],
  ];
  if (batch.commitTime !== null) told.push(["Commit", `${duration(batch.commitTime)}${batch.durable ? "" : ", durable later"}`]);
  figures(byId("figures"), told);
  byId("inputs").hidden = byId("operations").hidden = false;
  const name = (id) => streams.find((stream) => stream.streamId === Number(id))?.streamName ?? `stream ${id}`;
  const read = new Map((batch.inputMetadata ?? []).map((told) => [String(told.streamId), told]));
  rows(byId("input-table").tBodies[0], Object.entries(batch.inputSizes), ([id]) => id, ([id, size]) => ({
    cells: [{ text: name(id), head: true }, figure(number(size)), read.has(id) ? metadata(read.get(id)) : { text: "", className: "long" }],
  }), "No input stream has told of records.");
  const key = ({ operation, job }) => `${operation?.outputOpId ?? "-"} ${job?.jobId ?? "-"}`;
  rows(byId("operation-table").tBodies[0], lines(operations, jobs), key, cells, "No output operation has begun.");
  tell(byId("omitted"), omitted(batch));
}

/** What there is to say of a batch that is later than all that are known: a badge and a message, and whether it may come yet; `null` of others. */
export function ahead(id, { state, active, completed, statistics }) {
  const newest = Math.max(...[...active, ...completed].map((batch) => batch.batchId), -Infinity);
  if (!(id > newest)) return null;
  const time = batchTime(id, statistics.batchDuration);
  if (state === "STOPPED") return { badge: ["NOT THERE", ""], message: `There is no batch of ${time}: the application has stopped before.`, again: false };
  return { badge: ["NOT YET", ""], message: `The batch of ${time} has not come yet. This page shows it when it does.`, again: true };
}

let here, since = Date.now(), lost = false;

/** Looks once; whether to look again. */
async function look(id) {
  here ??= await application();
  const path = `${here.path}/batches/${encodeURIComponent(id)}`;
  const overview = await ask(`${here.path}/overview`);
  const early = ahead(Number(id), overview);
  if (early) {
    titled(`Batch ${id}`);
    showCondition(byId("status"), byId("condition"), early);
    return early.again;
  }
  try {
    const [batch, operations, jobs] = await Promise.all([ask(path), ask(`${path}/operations`), ask(`${path}/jobs`)]);
    show(batch, operations, jobs, overview.receivers);
    if (batch.status === "COMPLETED") return false;
    if (overview.state !== "STOPPED") return true;
    tell(byId("condition"), "The application has stopped before this batch was done.");
    return false;
  } catch (error) {
    if (error.status !== 404) throw error;
    titled(`Batch ${id}`);
    showCondition(byId("status"), byId("condition"), { badge: ["NOT THERE", ""], message: `The ${error.message}.` });
    return false;
  }
}

async function follow(id) {
  let again = true;
  try {
    again = await look(id);
    lost = false;
  } catch (error) {
    // What is asked wrongly is not answered better the next time.
    if (error.status >= 400 && error.status < 500 && error.status !== 404) return tell(byId("trouble"), error.message);
    // Another program may be here.
    here = undefined;
    if (!lost) [lost, since] = [true, Date.now()];
    showCondition(byId("status"), byId("condition"), condition(null, "lost", since));
  }
  if (again) setTimeout(() => follow(id), lost ? 2 * AGAIN : AGAIN);
}

if (byId("operation-table")) {
  const id = new URLSearchParams(location.search).get("id");
  if (id) follow(id);
  else tell(byId("trouble"), "Missing id parameter");
}
