//! The actor that tells listeners.

use super::{Event, StreamingListener};
use crate::error::panic_message;
use crate::mailbox::{Post, counts_its_mailbox};
use crate::topology::EVENT_BUS_MAILBOX;
use actix::dev::channel;
use actix::prelude::SendError;
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

counts_its_mailbox!(EventBus);

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
    bus: Post<EventBus>,
    /// Where the bus lives.
    arbiter: actix_rt::ArbiterHandle,
    wanted: Arc<AtomicBool>,
    dropped: Arc<AtomicU64>,
}

impl Publisher {
    /// Starts a bus on `arbiter` with the listeners that were added before the start.
    pub fn start(arbiter: &actix_rt::ArbiterHandle, listeners: Vec<Box<dyn StreamingListener>>) -> Publisher {
        let wanted = Arc::new(AtomicBool::new(!listeners.is_empty()));
        let theirs = wanted.clone();
        // Made with its capacity: a mailbox that only the actor's `started` widens holds the default of 16 until the thread of
        // the arbiter gets to it, and what the start of a context has to tell may be more.
        let (mailbox, messages) = channel::channel(EVENT_BUS_MAILBOX);
        arbiter.spawn_fn(move || {
            let bus = EventBus { listeners, wanted: theirs };
            actix_rt::spawn(Context::with_receiver(messages).into_future(bus));
        });
        Publisher { bus: Post::new(Addr::new(mailbox)), arbiter: arbiter.clone(), wanted, dropped: Arc::default() }
    }

    /// Whether there is anyone to tell.
    pub fn wanted(&self) -> bool {
        self.wanted.load(Ordering::Relaxed)
    }

    /// Adds a listener: at once, or as soon as a bus that is behind has room. Does nothing, and says so, when the bus has ended.
    pub fn add(&self, listener: Box<dyn StreamingListener>) {
        let ended = || log::warn!("a listener was not added: the context has ended");
        match self.bus.address().try_send(AddListener(listener)) {
            Ok(()) => {}
            Err(SendError::Closed(_)) => ended(),
            Err(SendError::Full(add)) => {
                let bus = self.bus.address().clone();
                let waits = move || {
                    actix_rt::spawn(async move {
                        if bus.send(add).await.is_err() {
                            ended();
                        }
                    });
                };
                if !self.arbiter.spawn_fn(waits) {
                    ended();
                }
            }
        }
    }

    /// Tells an event, or drops and counts it when the bus is behind.
    pub fn publish(&self, event: Event) {
        if self.wanted() && self.bus.address().try_send(self.bus.posted(Publish(event))).is_err() {
            self.dropped.fetch_add(1, Ordering::Relaxed);
        }
    }

    /// Events that wait to be told.
    pub fn waiting(&self) -> usize {
        self.bus.depth().get()
    }

    /// Events that no listener was told because the bus was behind.
    pub fn dropped(&self) -> u64 {
        self.dropped.load(Ordering::Relaxed)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::time::Time;
    use std::sync::mpsc::channel;
    use std::time::Duration;

    #[test]
    fn events_of_the_start_wait_for_a_bus_whose_thread_is_busy() {
        let _system = actix_rt::System::new();
        let arbiter = actix_rt::Arbiter::new();
        let ((release, held), (told, heard)) = (channel::<()>(), channel());
        arbiter.spawn_fn(move || {
            let _ = held.recv();
        });
        let listener = move |event: &Event| drop(told.send(event.clone()));
        let publisher = Publisher::start(&arbiter.handle(), vec![Box::new(listener)]);
        for n in 0..100 {
            publisher.publish(Event::StreamingStarted { time: Time::from_millis(n) });
        }
        assert_eq!(publisher.waiting(), 100);
        release.send(()).unwrap();
        let patience = Duration::from_secs(30);
        for n in 0..100 {
            let event = heard.recv_timeout(patience).unwrap();
            assert!(matches!(event, Event::StreamingStarted { time } if time == Time::from_millis(n)), "{event:?}");
        }
        assert_eq!((publisher.dropped(), publisher.waiting()), (0, 0));
        arbiter.stop();
        arbiter.join().unwrap();
    }

    #[test]
    fn a_listener_that_is_added_while_the_bus_has_no_room_is_told_all_the_same() {
        let _system = actix_rt::System::new();
        let arbiter = actix_rt::Arbiter::new();
        let ((release, held), (told, heard)) = (channel::<()>(), channel());
        arbiter.spawn_fn(move || {
            let _ = held.recv();
        });
        let publisher = Publisher::start(&arbiter.handle(), vec![Box::new(|_: &Event| {})]);
        while publisher.dropped() == 0 {
            publisher.publish(Event::StreamingStarted { time: Time::ZERO });
        }
        assert!(publisher.waiting() >= EVENT_BUS_MAILBOX, "what was dropped does not wait");
        let waiting = publisher.waiting();
        publisher.publish(Event::StreamingStarted { time: Time::ZERO });
        assert_eq!(publisher.waiting(), waiting);
        publisher.add(Box::new(move |event: &Event| drop(told.send(event.clone()))));
        release.send(()).unwrap();
        let later = Event::StreamingStarted { time: Time::from_millis(1) };
        let mut tries = 0;
        // Whether there is room again by now is for the bus to say.
        while heard.try_recv().is_err() {
            publisher.publish(later.clone());
            if heard.recv_timeout(Duration::from_millis(1)).is_ok() {
                break;
            }
            tries += 1;
            assert!(tries < 30_000, "it was not told");
        }
        arbiter.stop();
        arbiter.join().unwrap();
    }
}
