// The page of one batch.
import { application, ask, batchTime, byId, duration, figures, number, rows, say } from "/assets/dom.js";
import { failure } from "/assets/tables.js";

function trouble(text) {
  byId("trouble").hidden = false;
  say(byId("trouble"), text);
}

const figure = (text) => ({ text, className: "number" });

/** One row for each job of each output; an output without jobs has one. */
function lines(operations) {
  return operations.flatMap((operation) => (operation.jobs.length ? operation.jobs : [null]).map((job, position) => ({ operation, job, first: position === 0 })));
}

function show(batch, operations, streams) {
  // An output that has failed may be tried again as long as its batch runs.
  const failed = batch.firstFailureReason !== null && batch.status === "COMPLETED";
  const title = `Batch of ${batchTime(batch.batchId, batch.batchDuration)}`;
  say(byId("title"), title);
  document.title = title;
  const badge = byId("status");
  say(badge, failed ? "FAILED" : batch.status);
  badge.className = `badge ${failed ? "bad" : batch.status === "COMPLETED" ? "good" : ""}`;
  if (failed) trouble(batch.firstFailureReason);
  const told = [
    ["Batch duration", duration(batch.batchDuration)],
    ["Input data size", `${number(batch.inputSize)} records`],
    ["Scheduling delay", duration(batch.schedulingDelay)],
    ["Processing time", duration(batch.processingTime)],
    ["Total delay", duration(batch.totalDelay)],
  ];
  if (batch.commitTime !== null) told.push(["Commit", `${duration(batch.commitTime)}${batch.durable ? "" : ", durable later"}`]);
  figures(byId("figures"), told);
  byId("inputs").hidden = byId("operations").hidden = false;
  const name = (id) => streams.find((stream) => stream.streamId === Number(id))?.streamName ?? `stream ${id}`;
  rows(byId("input-table").tBodies[0], Object.entries(batch.inputSizes), ([id]) => id, ([id, size]) => ({
    cells: [{ text: name(id), head: true }, figure(number(size))],
  }), "No input stream has told of records.");
  rows(byId("operation-table").tBodies[0], lines(operations), ({ operation, job }) => `${operation.outputOpId}-${job?.jobId}`, ({ operation, job, first }) => ({
    className: operation.status === "FAILED" ? "failed" : "",
    cells: [
      figure(first ? String(operation.outputOpId) : ""), { text: first ? operation.description : `· ${job.description}`, className: "long" },
      figure(first ? duration(operation.duration) : ""), first ? operation.status.toLowerCase() : "",
      figure(job ? String(job.jobId) : "-"), figure(job ? duration(job.duration) : "-"),
      job ? `${job.numCompletedStages}/${job.numTotalStages}${shuffles(job)}` : "-",
      job ? `${job.numCompletedTasks}/${job.numTotalTasks}${job.numFailedTasks ? `, ${job.numFailedTasks} attempts failed` : ""}` : "-",
      failure(first ? operation.failureReason : job?.failureReason),
    ],
  }), "No output operation has begun.");
}

function shuffles(job) {
  const through = job.stages.filter((stage) => stage.shuffle).length;
  return through ? `, ${through} ${through === 1 ? "shuffle" : "shuffles"}` : "";
}

async function look() {
  const id = new URLSearchParams(location.search).get("id");
  if (!id) return trouble("Missing id parameter");
  try {
    const here = await application();
    const path = `${here.path}/batches/${encodeURIComponent(id)}`;
    const [batch, operations, { receivers }] = await Promise.all([ask(path), ask(`${path}/operations`), ask(`${here.path}/overview`)]);
    show(batch, operations, receivers);
    if (batch.status !== "COMPLETED") setTimeout(look, 1000);
  } catch (error) {
    trouble(error.message);
  }
}

look();
