//! `ResourcePool`: connections and the like, for the closures of [`foreach_partition_with`](crate::DStream::foreach_partition_with).
//!
//! A connection cannot be made on the driver side and sent to the tasks, and one per record is too dear. The guide's answer,
//! one per partition, and its better one, a static pool that is filled lazily and closes what is idle, are this type.
//!
//! What is taken out and put back, and how, is the pool of the `deadpool` crate, asked in a way in which it never waits: a
//! task does not share its resource, so at most as many are in use as tasks run at a time. What is added here is that users'
//! code runs outside the event loop, that time comes from the engine's clock, and that a resource whose user failed is closed.
//! (The other pools of that kind have a time and threads of their own: `r2d2` connects and expires in background threads, and
//! tells of a refused connection after half a minute; `bb8` needs an event loop and its timers.)

mod watch;

use crate::outcome::BoxError;
use deadpool::managed::{
    Manager, Metrics, Object, Pool, PoolConfig, PoolError, QueueMode, RecycleError, RecycleResult, TimeoutType,
    Timeouts,
};
use futures::FutureExt;
use std::fmt;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::time::Duration;
use waterwheel_runtime::clock::SharedClock;
use waterwheel_runtime::error::in_full;
use waterwheel_runtime::inside::on_engine_thread;
use waterwheel_runtime::scope::EngineCore;
use waterwheel_runtime::time::minutes;

/// Lends resources (connections, clients, files) to tasks, one to each at a time, and keeps them for the next. A cheap handle:
/// clones are the same pool.
///
/// A resource is made when a task needs one and none is idle: at most as many are open as tasks run at a time, one per core.
/// It is used again by later partitions and batches. It is closed, that is, dropped,
///
/// - when [`health_check`](ResourcePool::health_check) says before a use that it is not usable;
/// - when the closure that uses it fails or panics: nobody knows then what state it is in;
/// - when it was idle for [`idle_timeout`](ResourcePool::idle_timeout), by the engine's clock;
/// - when it is idle and a program on its engine ends; another that goes on makes a new one when it needs one;
/// - when the last handle of the pool is gone.
///
/// Making, checking, using and closing are all done on threads without an event loop, so blocking clients that have one inside
/// may be used. None of them is given up by a timeout: set one in `connect` and in the client.
///
/// ```
/// use std::{io::Write, net::{TcpListener, TcpStream}, time::Duration};
/// use waterwheel_operators::prelude::*;
///
/// let (engine, server) = (Engine::local(2)?, TcpListener::bind("127.0.0.1:0")?);
/// let address = server.local_addr()?;
///
/// let pool = ResourcePool::new(move || TcpStream::connect_timeout(&address, Duration::from_secs(5)))
///     .health_check(|connection| connection.take_error().is_ok_and(|error| error.is_none()))
///     .idle_timeout(minutes(5));
/// engine.parallelize(1..=9, 3).foreach_partition_with(&pool, |connection, numbers, _| {
///     numbers.iter().try_for_each(|number| writeln!(connection, "{number}"))
/// })?;
/// assert!(pool.idle() <= 2);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub struct ResourcePool<R: Send + 'static> {
    shared: Arc<Shared<R>>,
}

impl<R: Send + 'static> Clone for ResourcePool<R> {
    fn clone(&self) -> Self {
        ResourcePool { shared: self.shared.clone() }
    }
}

impl<R: Send + 'static> fmt::Debug for ResourcePool<R> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "ResourcePool<{}>({} open, {} idle)", std::any::type_name::<R>(), self.open(), self.idle())
    }
}

impl<R: Send + 'static> ResourcePool<R> {
    /// A pool of what `connect` makes, with any error. Nothing is made before a task needs it.
    ///
    /// An error fails the task, which is tried again as any other.
    pub fn new<E: Into<BoxError>>(connect: impl Fn() -> Result<R, E> + Send + Sync + 'static) -> ResourcePool<R> {
        let connect = Arc::new(move || connect().map_err(Into::into));
        ResourcePool::of(Maker { connect, check: Arc::new(|_| true), idle_timeout: minutes(1) })
    }

    /// Has `check` asked whether a resource can still be used, each time before it is used again. Default: it can.
    ///
    /// One that cannot is closed, and the next idle one is taken, or a new one made. A peer that closed the connection between
    /// two batches is found out here, before records are written into nowhere.
    #[must_use]
    pub fn health_check(self, check: impl Fn(&mut R) -> bool + Send + Sync + 'static) -> ResourcePool<R> {
        ResourcePool::of(Maker { check: Arc::new(check), ..self.shared.pool.manager().clone() })
    }

    /// Has resources closed that were not used for `timeout`, by the clock of the engine that used them. Default: a minute;
    /// `Duration::MAX`: never.
    #[must_use]
    pub fn idle_timeout(self, timeout: Duration) -> ResourcePool<R> {
        ResourcePool::of(Maker { idle_timeout: timeout, ..self.shared.pool.manager().clone() })
    }

    fn of(maker: Maker<R>) -> ResourcePool<R> {
        let config = PoolConfig { max_size: 0, timeouts: Timeouts::default(), queue_mode: QueueMode::Lifo };
        #[expect(clippy::expect_used, reason = "refused are time limits without a timer, and there are none")]
        let pool = Pool::builder(maker).config(config).build().expect("no time limits");
        ResourcePool { shared: Arc::new(Shared { pool, watched: AtomicBool::new(false) }) }
    }

    /// How many resources are open: in use or idle.
    pub fn open(&self) -> usize {
        self.shared.pool.status().size
    }

    /// How many resources wait to be used again.
    pub fn idle(&self) -> usize {
        self.shared.pool.status().available
    }

    /// Lends a resource to `user`. Blocks as long as users' code does; belongs on a thread without an event loop.
    pub(crate) fn lend<X>(
        &self,
        core: &Arc<EngineCore>,
        user: impl FnOnce(&mut R) -> Result<X, BoxError>,
    ) -> Result<X, BoxError> {
        let mut lent = self.shared.take_out().map_err(|error| {
            let cause = in_full(&*error);
            format!("the pool could not connect: {cause}; see that the other side runs and can be reached from here")
        })?;
        match catch_unwind(AssertUnwindSafe(|| user(&mut lent.resource))) {
            Ok(Ok(done)) => {
                self.shared.put_back(lent, core);
                Ok(done)
            }
            Ok(Err(error)) => {
                close_here(lent);
                Err(error)
            }
            Err(payload) => {
                close_here(lent);
                resume_unwind(payload)
            }
        }
    }
}

/// Makes resources and looks after them, for the pool below.
struct Maker<R> {
    connect: Arc<dyn Fn() -> Result<R, BoxError> + Send + Sync>,
    check: Arc<dyn Fn(&mut R) -> bool + Send + Sync>,
    idle_timeout: Duration,
}

impl<R> Clone for Maker<R> {
    fn clone(&self) -> Self {
        Maker { connect: self.connect.clone(), check: self.check.clone(), idle_timeout: self.idle_timeout }
    }
}

/// A resource, and since when it is idle.
struct Pooled<R> {
    resource: R,
    idle: Option<Idle>,
}

struct Idle {
    clock: SharedClock,
    since: Duration,
}

impl Idle {
    /// How long until the timeout; zero when it is over.
    fn left(&self, timeout: Duration) -> Duration {
        timeout.saturating_sub(self.clock.monotonic().saturating_sub(self.since))
    }
}

impl<R: Send + 'static> Manager for Maker<R> {
    type Type = Pooled<R>;
    type Error = BoxError;

    async fn create(&self) -> Result<Pooled<R>, BoxError> {
        Ok(Pooled { resource: (self.connect)()?, idle: None })
    }

    async fn recycle(&self, pooled: &mut Pooled<R>, _: &Metrics) -> RecycleResult<BoxError> {
        let expired = pooled.idle.take().is_some_and(|idle| idle.left(self.idle_timeout).is_zero());
        if !expired && (self.check)(&mut pooled.resource) { Ok(()) } else { Err(RecycleError::message("not usable")) }
    }
}

struct Shared<R: Send + 'static> {
    pool: Pool<Maker<R>>,
    /// Somebody will close what is idle for too long.
    watched: AtomicBool,
}

impl<R: Send + 'static> Shared<R> {
    /// An idle resource that is usable, or else a new one.
    fn take_out(&self) -> Result<Object<Maker<R>>, BoxError> {
        let at_once = Timeouts { wait: Some(Duration::ZERO), create: None, recycle: None };
        loop {
            // Never pending: a place is there or it is not, and `Maker` awaits nothing.
            match self.pool.timeout_get(&at_once).now_or_never() {
                Some(Ok(lent)) => return Ok(lent),
                // As many are in use as ever were at a time, and this is one more.
                Some(Err(PoolError::Timeout(TimeoutType::Wait))) => self.pool.resize(self.pool.status().max_size + 1),
                Some(Err(PoolError::Backend(error))) => return Err(error),
                Some(Err(other)) => return Err(other.to_string().into()),
                None => return Err("the pool would have to wait".into()),
            }
        }
    }

    fn put_back(self: &Arc<Self>, mut lent: Object<Maker<R>>, core: &Arc<EngineCore>) {
        let clock = core.clock.clone();
        lent.idle = Some(Idle { since: clock.monotonic(), clock });
        drop(lent);
        watch::watch(self, core);
    }

    /// Closes what is idle for too long, and says how long the next has left; `None` when nothing is idle.
    fn close_expired(&self) -> Option<Duration> {
        let timeout = self.pool.manager().idle_timeout;
        let mut next: Option<Duration> = None;
        let kept = self.pool.retain(|pooled, _| {
            let left = pooled.idle.as_ref().map_or(timeout, |idle| idle.left(timeout));
            if !left.is_zero() {
                next = Some(next.map_or(left, |next| next.min(left)));
            }
            !left.is_zero()
        });
        close(kept.removed);
        next
    }

    fn close_idle(&self) {
        close(self.pool.retain(|_, _| false).removed);
    }
}

impl<R: Send + 'static> Drop for Shared<R> {
    fn drop(&mut self) {
        self.close_idle();
    }
}

/// Closes a resource whose user failed. A panic in its destructor does not hide why.
fn close_here<R: Send + 'static>(lent: Object<Maker<R>>) {
    if catch_unwind(AssertUnwindSafe(|| drop(Object::take(lent)))).is_err() {
        log::warn!("a resource of a pool panicked while it was closed");
    }
}

/// Closes idle resources on a thread without an event loop, and waits for that unless an engine would wait.
fn close<R: Send + 'static>(resources: Vec<Pooled<R>>) {
    if resources.is_empty() {
        return;
    }
    let closing = std::thread::Builder::new().name("waterwheel-close".to_owned()).spawn(move || drop(resources));
    match closing {
        Ok(closing) if !on_engine_thread() => {
            if closing.join().is_err() {
                log::warn!("a resource of a pool panicked while it was closed");
            }
        }
        Ok(_) => {}
        Err(error) => {
            log::warn!("resources of a pool were closed where they were: no thread could be started: {error}")
        }
    }
}
