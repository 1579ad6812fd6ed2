//! The actors of a context by name.

use super::ActorAddress;
use super::remote::Door;
use actix::{Actor, Context};
use std::any::{Any, type_name};
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use waterwheel_operators::RunningContext;

/// Looks up the actors of a running program.
pub trait RunningActors {
    /// The address of the actor of the stream `name`, which is an `A`.
    ///
    /// # Errors
    /// [`NoSuchActor`] when there is no actor stream of that name, or its actor is of another type.
    ///
    /// ```
    /// use actix::prelude::*;
    /// use waterwheel_operators::prelude::*;
    /// use waterwheel_receivers::prelude::*;
    ///
    /// struct Feed(ActorSink<String>);
    /// impl Actor for Feed {
    ///     type Context = Context<Self>;
    /// }
    /// struct Other;
    /// impl Actor for Other {
    ///     type Context = Context<Self>;
    /// }
    ///
    /// let ssc = StreamingContext::new(Config::local("Doc"), milliseconds(20))?;
    /// ssc.actor_stream("lines", SupervisorPolicy::for_actors(), Feed).count().print();
    /// let running = ssc.start()?;
    ///
    /// assert!(running.actor::<Feed>("lines").is_ok());
    /// let error = running.actor::<Feed>("words").unwrap_err();
    /// assert_eq!(error.to_string(), "there is no actor stream \"words\"; there are: lines");
    /// assert!(running.actor::<Other>("lines").is_err());
    /// running.stop(Stop::Immediate)?;
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    fn actor<A: Actor<Context = Context<A>>>(&self, name: &str) -> Result<ActorAddress<A>, NoSuchActor>;

    /// The names of the actor streams, in order.
    fn actor_names(&self) -> Vec<String>;
}

impl RunningActors for RunningContext {
    fn actor<A: Actor<Context = Context<A>>>(&self, name: &str) -> Result<ActorAddress<A>, NoSuchActor> {
        self.extension::<Directory>().find(name)
    }

    fn actor_names(&self) -> Vec<String> {
        self.extension::<Directory>().entries().keys().cloned().collect()
    }
}

/// Why an actor was not found.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum NoSuchActor {
    /// No actor stream has that name.
    #[error("there is no actor stream {name:?}; there are: {}", if known.is_empty() { "none".to_owned() } else { known.join(", ") })]
    Unknown {
        /// The name.
        name: String,
        /// The names that there are.
        known: Vec<String>,
    },
    /// The actor of that stream is of another type.
    #[error("the actor of the stream {name:?} is a {is}, not a {asked}")]
    OtherType {
        /// The name.
        name: String,
        /// Its type.
        is: &'static str,
        /// The type that was asked for.
        asked: &'static str,
    },
}

/// The actor streams of one context; kept with it.
#[derive(Default)]
pub(crate) struct Directory {
    entries: Mutex<BTreeMap<String, Entry>>,
}

struct Entry {
    type_name: &'static str,
    /// An `ActorAddress` of that type.
    address: Box<dyn Any + Send + Sync>,
    /// What remote senders get in by, if they may.
    door: Option<Arc<dyn Door>>,
}

impl Directory {
    /// Adds an actor. `false` when the name is taken.
    pub(super) fn add<A: Actor<Context = Context<A>>>(&self, address: ActorAddress<A>) -> bool {
        let mut entries = self.entries();
        if entries.contains_key(address.name()) {
            return false;
        }
        let name = address.name().to_owned();
        entries.insert(name, Entry { type_name: type_name::<A>(), address: Box::new(address), door: None });
        true
    }

    /// Lets remote senders in. `false` when there is a door already.
    pub(super) fn open(&self, name: &str, door: Arc<dyn Door>) -> bool {
        match self.entries().get_mut(name) {
            Some(entry) if entry.door.is_none() => {
                entry.door = Some(door);
                true
            }
            _ => false,
        }
    }

    fn find<A: Actor<Context = Context<A>>>(&self, name: &str) -> Result<ActorAddress<A>, NoSuchActor> {
        let entries = self.entries();
        let Some(entry) = entries.get(name) else {
            return Err(NoSuchActor::Unknown { name: name.to_owned(), known: entries.keys().cloned().collect() });
        };
        entry.address.downcast_ref::<ActorAddress<A>>().cloned().ok_or_else(|| NoSuchActor::OtherType {
            name: name.to_owned(),
            is: entry.type_name,
            asked: type_name::<A>(),
        })
    }

    /// The door of the actor stream `name`; `None` when there is no such stream, or it has none.
    pub(crate) fn door(&self, name: &str) -> Option<Arc<dyn Door>> {
        self.entries().get(name)?.door.clone()
    }

    /// Whether any stream has a door.
    pub(crate) fn has_doors(&self) -> bool {
        self.entries().values().any(|entry| entry.door.is_some())
    }

    fn entries(&self) -> MutexGuard<'_, BTreeMap<String, Entry>> {
        // Critical sections only move entries.
        self.entries.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
