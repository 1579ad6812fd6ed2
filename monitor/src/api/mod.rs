//! The REST interface: Spark's paths below `/api/v1`, and what Spark has not beside them. `openapi.json` describes it.

mod error;
pub(crate) mod model;
mod query;

pub(crate) use error::ApiError;

use crate::live::live;
use crate::shared::Shared;
use crate::store::{BatchRow, Progress};
use actix_web::http::StatusCode;
use actix_web::http::header::{self, HeaderValue};
use actix_web::web::{self, Data, Json, Path, ServiceConfig};
use actix_web::{HttpRequest, HttpResponse, ResponseError, Route, guard};
use model::{
    ApplicationInfo, BatchInfo, Job, OperatorInfo, OutputOperationInfo, Overview, QueuesInfo, ReceiverInfo, StateInfo,
    StreamingStatistics, Timelines,
};
use query::{Batches, Limit};
use serde::Serialize;
use std::sync::Arc;
use std::time::Duration;
use waterwheel_runtime::block::BlockStats;
use waterwheel_runtime::ids::{OutputId, StreamId};
use waterwheel_runtime::running::Stop;
use waterwheel_runtime::time::Time;

/// The description of the interface.
pub(crate) const DOCUMENT: &str = include_str!("openapi.json");

/// How long the metrics wait for the block manager, in real time.
const BLOCKS_PATIENCE: Duration = Duration::from_secs(1);

/// Handlers get what the monitor knows as this.
pub(crate) type Known = Data<Shared>;

type Answer<T> = Result<Json<T>, ApiError>;

/// The paths of the interface.
pub(crate) fn paths(config: &mut ServiceConfig) {
    config
        .route("/health", get().to(health))
        .route("/ready", get().to(ready))
        .route("/metrics", get().to(metrics))
        .service(
            web::scope("/api/v1")
                .route("/openapi.json", get().to(document))
                .route("/applications", get().to(applications))
                .route("/applications/{app}", get().to(application))
                .service(
                    web::scope("/applications/{app}/streaming")
                        .route("/statistics", get().to(statistics))
                        .route("/receivers", get().to(receivers))
                        .route("/receivers/{stream}", get().to(receiver))
                        .route("/queues", get().to(queues))
                        .route("/batches", get().to(batches))
                        .route("/batches/{batch}", get().to(batch))
                        .route("/batches/{batch}/jobs", get().to(jobs))
                        .route("/batches/{batch}/operations", get().to(operations))
                        .route("/batches/{batch}/operations/{output}", get().to(operation))
                        .route("/operators", get().to(operators))
                        .route("/state", get().to(state))
                        .route("/timelines", get().to(timelines))
                        .route("/overview", get().to(overview))
                        .route("/live", get().to(live))
                        .route("/stop", web::post().to(stop)),
                ),
        );
}

/// `GET`, and `HEAD`, which is answered alike; the server leaves out the body.
pub(crate) fn get() -> Route {
    web::route().guard(guard::Any(guard::Get()).or(guard::Head()))
}

/// Anything else.
pub(crate) async fn nothing(request: HttpRequest) -> HttpResponse {
    let Some(pattern) = request.match_pattern() else {
        let message = "there is nothing here; see /api/v1/openapi.json for what there is";
        return ApiError::not_found(message).error_response();
    };
    let allowed = if pattern.ends_with("/stop") { "POST" } else { "GET, HEAD" };
    let message = format!("{} is not allowed here; what is: {allowed}", request.method());
    let mut response = ApiError::new(StatusCode::METHOD_NOT_ALLOWED, message).error_response();
    response.headers_mut().insert(header::ALLOW, HeaderValue::from_static(allowed));
    response
}

#[derive(Serialize)]
struct Health {
    status: &'static str,
}

async fn health(known: Known) -> HttpResponse {
    match known.state() {
        "STOPPED" => HttpResponse::ServiceUnavailable().json(Health { status: "STOPPED" }),
        status => HttpResponse::Ok().json(Health { status }),
    }
}

async fn ready(known: Known) -> HttpResponse {
    match known.state() {
        status @ ("RUNNING" | "STOPPING") => HttpResponse::Ok().json(Health { status }),
        status => HttpResponse::ServiceUnavailable().json(Health { status }),
    }
}

async fn metrics(known: Known) -> HttpResponse {
    let blocks = match known.core() {
        Some(core) => tokio::time::timeout(BLOCKS_PATIENCE, core.blocks.send(BlockStats)).await.ok(),
        None => None,
    };
    let text = known.meters.render(&known, blocks.and_then(Result::ok));
    HttpResponse::Ok().content_type("text/plain; version=0.0.4; charset=utf-8").body(text)
}

async fn document() -> HttpResponse {
    HttpResponse::Ok().content_type("application/json").body(DOCUMENT)
}

async fn applications(known: Known) -> Json<Vec<ApplicationInfo>> {
    Json(vec![known.application()])
}

async fn application(known: Known, path: Path<String>) -> Answer<ApplicationInfo> {
    of(&known, &path)?;
    Ok(Json(known.application()))
}

async fn statistics(known: Known, path: Path<String>) -> Answer<StreamingStatistics> {
    let progress = of(&known, &path)?.progress();
    Ok(Json(known.statistics(&progress)))
}

async fn receivers(known: Known, path: Path<String>) -> Answer<Vec<ReceiverInfo>> {
    let progress = of(&known, &path)?.progress();
    Ok(Json(known.receivers(&progress, &known.depths(), true)))
}

async fn receiver(known: Known, path: Path<(String, String)>) -> Answer<ReceiverInfo> {
    let (app, stream) = path.into_inner();
    let progress = of(&known, &app)?.progress();
    let stream = StreamId(number("stream", &stream)?);
    let missing = || ApiError::not_found(format!("there is no {stream}"));
    let row = progress.streams.get(stream).ok_or_else(missing)?;
    Ok(Json(known.receiver(&progress, stream, row, &known.depths(), true)))
}

async fn queues(known: Known, path: Path<String>) -> Answer<QueuesInfo> {
    let known = of(&known, &path)?;
    let depths = known.depths();
    Ok(Json(QueuesInfo::new(&known.progress(), &depths.context, &depths.engine)))
}

async fn batches(known: Known, path: Path<String>, request: HttpRequest) -> Answer<Vec<BatchInfo>> {
    let progress = of(&known, &path)?.progress();
    let Batches { statuses, limit, offset, before } = Batches::parse(request.query_string())?;
    let newest_first = progress.batches_before(before).filter(|row| statuses.contains(&row.status));
    Ok(Json(newest_first.skip(offset).take(limit).map(|row| known.batch(row)).collect()))
}

async fn batch(known: Known, path: Path<(String, String)>) -> Answer<BatchInfo> {
    let (app, batch) = path.into_inner();
    let progress = of(&known, &app)?.progress();
    let row = found(&progress, &batch)?;
    Ok(Json(known.batch(row).with_metadata(row)))
}

async fn jobs(known: Known, path: Path<(String, String)>) -> Answer<Vec<Job>> {
    let (app, batch) = path.into_inner();
    let progress = of(&known, &app)?.progress();
    let row = found(&progress, &batch)?;
    Ok(Json(row.info.jobs.iter().enumerate().map(|(number, job)| Job::new(number, job)).collect()))
}

async fn operations(known: Known, path: Path<(String, String)>) -> Answer<Vec<OutputOperationInfo>> {
    let (app, batch) = path.into_inner();
    let progress = of(&known, &app)?.progress();
    let row = found(&progress, &batch)?;
    Ok(Json(row.outputs.iter().map(|(id, output)| OutputOperationInfo::new(row, *id, output)).collect()))
}

async fn operation(known: Known, path: Path<(String, String, String)>) -> Answer<OutputOperationInfo> {
    let (app, batch, output) = path.into_inner();
    let progress = of(&known, &app)?.progress();
    let row = found(&progress, &batch)?;
    let output = OutputId(number("output operation", &output)?);
    let missing = || ApiError::not_found(format!("batch {} has no {output}", row.time().millis()));
    let told = row.outputs.get(&output).ok_or_else(missing)?;
    Ok(Json(OutputOperationInfo::new(row, output, told)))
}

async fn operators(known: Known, path: Path<String>) -> Answer<Vec<OperatorInfo>> {
    let progress = of(&known, &path)?.progress();
    Ok(Json(known.operators(&progress)))
}

async fn state(known: Known, path: Path<String>) -> Answer<StateInfo> {
    let progress = of(&known, &path)?.progress();
    Ok(Json(StateInfo::new(&progress)))
}

async fn timelines(known: Known, path: Path<String>, request: HttpRequest) -> Answer<Timelines> {
    let progress = of(&known, &path)?.progress();
    let Limit { limit } = Limit::parse(request.query_string())?;
    Ok(Json(Timelines::new(&progress, limit, known.interval)))
}

async fn overview(known: Known, path: Path<String>) -> Answer<Overview> {
    Ok(Json(of(&known, &path)?.overview()))
}

async fn stop(known: Known, path: Path<String>) -> Result<HttpResponse, ApiError> {
    of(&known, &path)?;
    if !known.ui.allow_stop {
        let message = "the application cannot be stopped from here; set ui.allow_stop to allow it";
        return Err(ApiError::new(StatusCode::FORBIDDEN, message));
    }
    let starting = || ApiError::new(StatusCode::CONFLICT, "the application has not started yet");
    known.remote().ok_or_else(starting)?.request_stop(Stop::Graceful);
    log::info!("a graceful stop was asked for over HTTP");
    Ok(HttpResponse::Accepted().json(Health { status: "STOPPING" }))
}

/// What is known, if the path names this application.
pub(crate) fn of<'a>(known: &'a Known, app: &str) -> Result<&'a Shared, ApiError> {
    if app == known.id() {
        return Ok(known);
    }
    Err(ApiError::not_found(format!("no such application; the one here is {}", known.id())))
}

/// The batch that is asked for.
fn found<'a>(progress: &'a Progress, batch: &str) -> Result<&'a Arc<BatchRow>, ApiError> {
    let time = Time::from_millis(number("batch", batch)?);
    let missing = || {
        let (newest, oldest) = (progress.last_received(), progress.completed().next());
        let why = if newest.is_none_or(|newest| time > newest.time()) {
            "it has not come yet".to_owned()
        } else if oldest.is_none_or(|oldest| time < oldest.time()) {
            format!("it is older than the {} batches that ui.retained_batches keeps", progress.retained())
        } else {
            "no batch has that time".to_owned()
        };
        ApiError::not_found(format!("batch {} does not exist: {why}", time.millis()))
    };
    progress.batch(time).ok_or_else(missing)
}

/// A number in a path.
fn number<N: std::str::FromStr>(what: &str, text: &str) -> Result<N, ApiError> {
    text.parse().map_err(|_| ApiError::bad_request(format!("the {what} in the path is not a number")))
}
