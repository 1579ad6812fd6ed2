//! A program as a child process: started, told where to die, killed, waited for.

use crate::wait::wait_for;
use rustix::process::{Pid, Signal, kill_process};
use std::collections::BTreeMap;
use std::ffi::OsString;
use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::Duration;
use waterwheel::runtime::failpoint::{HITS_VARIABLE, ORDERS_VARIABLE, Order, read_hits};

/// How to run a program that counts its fail points.
///
/// Every run has its output (stdout and stderr) in `run-N.log` and the counts of its fail points in `run-N.hits`, in the
/// directory given.
#[derive(Debug, Clone)]
pub struct Application {
    program: PathBuf,
    args: Vec<OsString>,
    dir: PathBuf,
    runs: usize,
}

impl Application {
    /// `program` with its logs in `dir`, which exists.
    pub fn new(program: impl Into<PathBuf>, dir: impl Into<PathBuf>) -> Application {
        Application { program: program.into(), args: Vec::new(), dir: dir.into(), runs: 0 }
    }

    /// Adds an argument.
    #[must_use]
    pub fn arg(mut self, arg: impl Into<OsString>) -> Application {
        self.args.push(arg.into());
        self
    }

    /// How often it was started.
    pub fn runs(&self) -> usize {
        self.runs
    }

    /// Starts the program, with an order to die or without.
    ///
    /// # Errors
    /// When there is no such program, or no room for its logs.
    pub fn start(&mut self, order: Option<&Order>) -> io::Result<Process> {
        self.start_with(order, &[])
    }

    /// [`start`](Application::start) with arguments for this run, after the others.
    ///
    /// # Errors
    /// As there.
    pub fn start_with(&mut self, order: Option<&Order>, args: &[String]) -> io::Result<Process> {
        self.runs += 1;
        let file = |extension: &str| self.dir.join(format!("run-{}.{extension}", self.runs));
        let (log, hits) = (file("log"), file("hits"));
        let out = File::create(&log)?;
        let mut command = Command::new(&self.program);
        command.args(&self.args).args(args).env(HITS_VARIABLE, &hits).env_remove(ORDERS_VARIABLE);
        // What is of use in a log is the error and not the way to `main`.
        command.env("RUST_BACKTRACE", "0");
        if let Some(order) = order {
            command.env(ORDERS_VARIABLE, order.to_string());
        }
        let child = command.stdin(Stdio::null()).stderr(out.try_clone()?).stdout(out).spawn()?;
        Ok(Process { child, log, hits, ended: None })
    }
}

/// A running program. Killed when dropped.
#[derive(Debug)]
pub struct Process {
    child: Child,
    log: PathBuf,
    hits: PathBuf,
    ended: Option<ExitStatus>,
}

impl Process {
    /// How it ended, if it has.
    ///
    /// # Errors
    /// Those of the system.
    pub fn ended(&mut self) -> io::Result<Option<ExitStatus>> {
        if self.ended.is_none() {
            self.ended = self.child.try_wait()?;
        }
        Ok(self.ended)
    }

    /// Waits until it has ended, for so long.
    ///
    /// # Errors
    /// Those of the system.
    pub fn wait(&mut self, patience: Duration) -> io::Result<Option<ExitStatus>> {
        wait_for(patience, || self.ended().transpose()).transpose()
    }

    /// `kill -9`, then waits until nothing of it is left: the system has closed its files and given up its locks.
    ///
    /// # Errors
    /// Those of the system.
    pub fn kill(&mut self) -> io::Result<ExitStatus> {
        if self.ended()?.is_none() {
            self.child.kill()?;
        }
        let status = self.child.wait()?;
        self.ended = Some(status);
        Ok(status)
    }

    /// SIGTERM: asks it to finish what it has and to end.
    ///
    /// # Errors
    /// Those of the system.
    pub fn terminate(&mut self) -> io::Result<()> {
        // Not waited for yet, so that the number is still its own.
        if self.ended()?.is_none() {
            kill_process(Pid::from_child(&self.child), Signal::TERM)?;
        }
        Ok(())
    }

    /// How often each fail point was passed so far; nothing before the first.
    pub fn hits(&self) -> BTreeMap<&'static str, u64> {
        read_hits(&self.hits).unwrap_or_default()
    }

    /// How often the fail point `name` was passed so far.
    pub fn passed(&self, name: &str) -> u64 {
        self.hits().get(name).copied().unwrap_or(0)
    }

    /// Everything it has written to stdout and stderr.
    pub fn log(&self) -> String {
        fs::read(&self.log).map(|log| String::from_utf8_lossy(&log).into_owned()).unwrap_or_default()
    }

    /// Where that stands.
    pub fn log_file(&self) -> &Path {
        &self.log
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        // One that has ended already is as good.
        let _ = self.kill();
    }
}
