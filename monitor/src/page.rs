//! The page: files that are part of the binary.

use crate::api::get;
use actix_web::http::header;
use actix_web::web::{self, ServiceConfig};
use actix_web::{HttpResponse, Responder};

/// A file of the page.
struct File {
    paths: &'static [&'static str],
    kind: &'static str,
    content: &'static [u8],
}

const HTML: &str = "text/html; charset=utf-8";
const SCRIPT: &str = "text/javascript; charset=utf-8";
const STYLE: &str = "text/css; charset=utf-8";

/// Every file, with the paths it is served under: Spark's beside the short ones.
const FILES: &[File] = &[
    File { paths: &["/", "/streaming", "/streaming/"], kind: HTML, content: include_bytes!("../assets/index.html") },
    File {
        paths: &["/batch", "/streaming/batch", "/streaming/batch/"],
        kind: HTML,
        content: include_bytes!("../assets/batch.html"),
    },
    File { paths: &["/assets/page.css"], kind: STYLE, content: include_bytes!("../assets/page.css") },
    File { paths: &["/assets/index.js"], kind: SCRIPT, content: include_bytes!("../assets/index.js") },
    File { paths: &["/assets/batch.js"], kind: SCRIPT, content: include_bytes!("../assets/batch.js") },
    File { paths: &["/assets/charts.js"], kind: SCRIPT, content: include_bytes!("../assets/charts.js") },
    File { paths: &["/assets/dom.js"], kind: SCRIPT, content: include_bytes!("../assets/dom.js") },
    File { paths: &["/assets/format.js"], kind: SCRIPT, content: include_bytes!("../assets/format.js") },
    File { paths: &["/assets/graph.js"], kind: SCRIPT, content: include_bytes!("../assets/graph.js") },
    File { paths: &["/assets/header.js"], kind: SCRIPT, content: include_bytes!("../assets/header.js") },
    File { paths: &["/assets/link.js"], kind: SCRIPT, content: include_bytes!("../assets/link.js") },
    File { paths: &["/assets/news.js"], kind: SCRIPT, content: include_bytes!("../assets/news.js") },
    File { paths: &["/assets/pager.js"], kind: SCRIPT, content: include_bytes!("../assets/pager.js") },
    File { paths: &["/assets/queues.js"], kind: SCRIPT, content: include_bytes!("../assets/queues.js") },
    File { paths: &["/assets/tables.js"], kind: SCRIPT, content: include_bytes!("../assets/tables.js") },
    File { paths: &["/assets/icon.svg"], kind: "image/svg+xml", content: include_bytes!("../assets/icon.svg") },
    File { paths: &["/assets/uPlot.js"], kind: SCRIPT, content: include_bytes!("../assets/vendor/uPlot.iife.min.js") },
    File { paths: &["/assets/uPlot.css"], kind: STYLE, content: include_bytes!("../assets/vendor/uPlot.min.css") },
    File {
        paths: &["/assets/uPlot.LICENSE"],
        kind: "text/plain; charset=utf-8",
        content: include_bytes!("../assets/vendor/uPlot.LICENSE"),
    },
];

/// The paths of the page.
pub(crate) fn paths(config: &mut ServiceConfig) {
    for file in FILES {
        for path in file.paths {
            config.route(path, get().to(move || serve(file)));
        }
    }
}

/// Browsers keep it and ask again: another program may be there the next time.
async fn serve(file: &'static File) -> impl Responder {
    HttpResponse::Ok()
        .content_type(file.kind)
        .insert_header((header::CACHE_CONTROL, "no-cache"))
        .body(web::Bytes::from_static(file.content))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_is_fetched_from_elsewhere() {
        for file in FILES.iter().filter(|file| file.kind != "text/plain; charset=utf-8") {
            let text = String::from_utf8_lossy(file.content);
            // Names of XML are no addresses that anything is fetched from.
            let text = text.replace("http://www.w3.org/2000/svg", "");
            let license = text.find("/*!").and_then(|at| text.get(at..)?.lines().next()).unwrap_or_default();
            let text = text.replace(license, "");
            assert!(!text.contains("http://") && !text.contains("https://"), "{:?}", file.paths);
        }
    }

    #[test]
    fn what_the_documents_refer_to_is_there() {
        let paths: Vec<&str> = FILES.iter().flat_map(|file| file.paths).copied().collect();
        for file in FILES.iter().filter(|file| [HTML, SCRIPT].contains(&file.kind)) {
            let text = String::from_utf8_lossy(file.content);
            for reference in text.split('"').filter(|text| text.starts_with("/assets/")) {
                assert!(paths.contains(&reference), "{reference} in {:?}", file.paths);
            }
        }
    }

    #[test]
    fn documents_have_no_scripts_or_styles_inside() {
        for file in FILES.iter().filter(|file| file.kind == HTML) {
            let text = String::from_utf8_lossy(file.content);
            assert!(!text.contains("<style") && !text.contains(" style=") && !text.contains(" onclick="));
            assert!(text.split("<script").skip(1).all(|script| script.contains("src=\"/assets/")));
        }
    }
}
