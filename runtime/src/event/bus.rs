//! The actor that tells listeners.

use super::{Event, StreamingListener};
use crate::error::panic_message;
use crate::topology::EVENT_BUS_MAILBOX;
use actix::{Actor, Addr, Context, Handler, Message};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

/// Tells events to the listeners of one context.
pub struct EventBus {
    listeners: Vec<Box<dyn StreamingListener>>,
    wanted: Arc<AtomicBool>,
}

impl Actor for EventBus {
    type Context = Context<Self>;

    fn started(&mut self, ctx: &mut Self::Context) {
        ctx.set_mailbox_capacity(EVENT_BUS_MAILBOX);
    }
}

/// Tells an event.
#[derive(Message)]
#[rtype(result = "()")]
pub struct Publish(pub Event);

impl Handler<Publish> for EventBus {
    type Result = ();

    fn handle(&mut self, msg: Publish, _: &mut Self::Context) {
        self.listeners.retain_mut(|listener| {
            let told = catch_unwind(AssertUnwindSafe(|| listener.on_event(&msg.0)));
            if let Err(payload) = &told {
                log::error!("a listener panicked and is told no more: {}", panic_message(&**payload));
            }
            told.is_ok()
        });
        self.wanted.store(!self.listeners.is_empty(), Ordering::Relaxed);
    }
}

/// Adds a listener.
#[derive(Message)]
#[rtype(result = "()")]
pub struct AddListener(pub Box<dyn StreamingListener>);

impl Handler<AddListener> for EventBus {
    type Result = ();

    fn handle(&mut self, msg: AddListener, _: &mut Self::Context) {
        self.listeners.push(msg.0);
        self.wanted.store(true, Ordering::Relaxed);
    }
}

/// Where events are told: without listeners nothing is sent; when too many wait, the event is dropped and counted.
#[derive(Clone)]
pub struct Publisher {
    bus: Addr<EventBus>,
    wanted: Arc<AtomicBool>,
    dropped: Arc<AtomicU64>,
}

impl Publisher {
    /// Starts a bus on `arbiter` with the listeners that were added before the start.
    pub fn start(arbiter: &actix_rt::ArbiterHandle, listeners: Vec<Box<dyn StreamingListener>>) -> Publisher {
        let wanted = Arc::new(AtomicBool::new(!listeners.is_empty()));
        let theirs = wanted.clone();
        let bus = EventBus::start_in_arbiter(arbiter, move |_| EventBus { listeners, wanted: theirs });
        Publisher { bus, wanted, dropped: Arc::default() }
    }

    /// Whether there is anyone to tell.
    pub fn wanted(&self) -> bool {
        self.wanted.load(Ordering::Relaxed)
    }

    /// Tells an event, or drops and counts it when the bus is behind.
    pub fn publish(&self, event: Event) {
        if self.wanted() && self.bus.try_send(Publish(event)).is_err() {
            self.dropped.fetch_add(1, Ordering::Relaxed);
        }
    }

    /// Events that no listener was told because the bus was behind.
    pub fn dropped(&self) -> u64 {
        self.dropped.load(Ordering::Relaxed)
    }

    /// The bus.
    pub fn bus(&self) -> &Addr<EventBus> {
        &self.bus
    }
}
