//! What a process with the feature `failpoints` does at its fail points.
//!
//! Orders and counts belong to the process, not to a context: they are about its death.

use super::hits::{DIGITS, HITS_VARIABLE};
use super::{Action, FAIL_POINTS, ORDERS_VARIABLE, Order, parse_orders};
use rustix::process::{Signal, getpid, kill_process};
use std::collections::HashMap;
use std::fs::File;
use std::io::{self, Write};
use std::os::unix::fs::FileExt;
use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, OnceLock, PoisonError};

static ARMED: OnceLock<Armed> = OnceLock::new();

struct Armed {
    points: HashMap<&'static str, Point>,
    file: Option<Mutex<File>>,
}

struct Point {
    passed: AtomicU64,
    /// Where its count stands in the file.
    offset: u64,
    orders: Vec<Order>,
}

/// How often the place called `name` has been passed by this process; 0 for a name that is not in the table.
pub fn hits(name: &str) -> u64 {
    let point = ARMED.get().and_then(|armed| armed.points.get(name));
    point.map_or(0, |point| point.passed.load(Ordering::Relaxed))
}

/// Counts a passing and does what was ordered for it.
pub(super) fn pass(name: &'static str) {
    let armed = ARMED.get_or_init(|| Armed::from_environment().unwrap_or_else(|error| refuse(&error)));
    let Some(point) = armed.points.get(name) else { return };
    let occurrence = armed.count(point);
    for order in &point.orders {
        if order.occurrence == occurrence {
            log::error!("as ordered: {order}");
            execute(order);
        }
    }
}

impl Armed {
    fn from_environment() -> Result<Armed, String> {
        let orders = std::env::var(ORDERS_VARIABLE).unwrap_or_default();
        let orders = parse_orders(&orders).map_err(|error| format!("{ORDERS_VARIABLE}: {error}"))?;
        let file = std::env::var_os(HITS_VARIABLE).map(|path| create(Path::new(&path)));
        let file = file.transpose().map_err(|error| format!("{HITS_VARIABLE}: {error}"))?;
        let mut offset = 0;
        let points = FAIL_POINTS.iter().map(|point| {
            let theirs = orders.iter().filter(|order| order.point == point.name).cloned().collect();
            let here = Point { passed: AtomicU64::new(0), offset, orders: theirs };
            offset += line(0, point.name).len() as u64;
            (point.name, here)
        });
        Ok(Armed { points: points.collect(), file: file.map(Mutex::new) })
    }

    /// The number of this passing.
    fn count(&self, point: &Point) -> u64 {
        // Held while counting, so that a later count is never overwritten by an earlier one.
        let file = self.file.as_ref().map(|file| file.lock().unwrap_or_else(PoisonError::into_inner));
        let count = point.passed.fetch_add(1, Ordering::Relaxed) + 1;
        if let Some(file) = file
            && let Err(error) = file.write_all_at(format!("{count:>DIGITS$}").as_bytes(), point.offset)
        {
            log::warn!("the passing of a fail point was not written down: {error}");
        }
        count
    }
}

fn line(count: u64, name: &str) -> String {
    format!("{count:>DIGITS$} {name}\n")
}

fn create(path: &Path) -> io::Result<File> {
    let mut file = File::create(path)?;
    let lines: String = FAIL_POINTS.iter().map(|point| line(0, point.name)).collect();
    file.write_all(lines.as_bytes())?;
    Ok(file)
}

/// A test that orders what cannot be must not go on as if it had ordered nothing.
fn refuse(error: &str) -> ! {
    let _ = writeln!(io::stderr(), "{error}");
    std::process::abort()
}

fn execute(order: &Order) {
    match order.action {
        Action::Kill => {
            let _ = kill_process(getpid(), Signal::KILL);
            loop {
                // The signal ends every thread of the process; this one must do nothing more until it does.
                std::thread::park();
            }
        }
        Action::Abort => std::process::abort(),
        #[expect(clippy::panic, reason = "that is what was ordered")]
        Action::Panic => panic!("as ordered: {order}"),
    }
}
