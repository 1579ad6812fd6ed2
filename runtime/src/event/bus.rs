//! The actor that tells listeners.

use super::{Event, StreamingListener};
use crate::error::panic_message;
use crate::mailbox::{Post, counts_its_mailbox};
use crate::topology::EVENT_BUS_MAILBOX;
use actix::dev::channel;
use actix::prelude::SendError;
use actix::{Actor, ActorContext, Addr, Context, Handler, Message};
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
        let panicked = self.listeners.extract_if(.., |listener| {
            let told = catch_unwind(AssertUnwindSafe(|| listener.on_event(&msg.0)));
            if let Err(payload) = &told {
                log::error!(
                    "the listener {} panicked and is told no more: {}",
                    name_of(&**listener),
                    panic_message(&**payload)
                );
            }
            told.is_err()
        });
        panicked.for_each(let_go);
        self.wanted.store(!self.listeners.is_empty(), Ordering::Relaxed);
    }
}

/// What a listener calls itself, in code of the user's as well.
fn name_of(listener: &dyn StreamingListener) -> String {
    catch_unwind(AssertUnwindSafe(|| listener.name().to_owned()))
        .unwrap_or_else(|_| "that cannot say its name".to_owned())
}

/// Drops a listener, which runs code of the user's: on a thread that the listeners of other contexts need, too.
fn let_go(listener: Box<dyn StreamingListener>) {
    let name = name_of(&*listener);
    if let Err(payload) = catch_unwind(AssertUnwindSafe(|| drop(listener))) {
        log::error!("dropping the listener {name} panicked: {}", panic_message(&*payload));
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

/// Ends the bus, and lets its listeners go: behind the events that wait.
#[derive(Message)]
#[rtype(result = "()")]
pub struct EndBus;

impl Handler<EndBus> for EventBus {
    type Result = ();

    fn handle(&mut self, _: EndBus, ctx: &mut Self::Context) {
        self.wanted.store(false, Ordering::Relaxed);
        self.listeners.drain(..).for_each(let_go);
        // Not left to the last address: a listener may hold one, as the monitor's does, and nothing would ever end them.
        ctx.stop();
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

    /// Adds a listener: at once, or as soon as a bus that is behind has room. Does nothing, and says so, when the bus has ended; one that is
    /// added while the bus ends goes with it.
    pub fn add(&self, listener: Box<dyn StreamingListener>) {
        self.deliver(AddListener(listener), || log::warn!("a listener was not added: the context has ended"));
    }

    /// Ends the bus once the events that wait are told, and lets its listeners go. Does not wait for that: a listener may take any
    /// time.
    pub fn end(&self) {
        self.deliver(EndBus, || {});
    }

    /// Sends a message that must not be dropped: at once, or as soon as there is room. `ended` is called when the bus has ended.
    fn deliver<M>(&self, message: M, ended: impl Fn() + Copy + Send + 'static)
    where
        EventBus: Handler<M>,
        M: Message<Result = ()> + Send + 'static,
    {
        match self.bus.address().try_send(message) {
            Ok(()) => {}
            Err(SendError::Closed(_)) => ended(),
            Err(SendError::Full(message)) => {
                let bus = self.bus.address().clone();
                let waits = move || {
                    actix_rt::spawn(async move {
                        if bus.send(message).await.is_err() {
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

    /// Tells an event, or drops and counts it when the bus is behind. One that has ended has nobody to tell.
    pub fn publish(&self, event: Event) {
        if !self.wanted() {
            return;
        }
        if let Err(SendError::Full(_)) = self.bus.address().try_send(self.bus.posted(Publish(event))) {
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
    use std::sync::Mutex;
    use std::sync::mpsc::{Sender, channel};
    use std::time::Duration;

    /// An arbiter whose thread is busy until it is released.
    fn busy_arbiter() -> (actix_rt::Arbiter, Sender<()>) {
        let (arbiter, (release, held)) = (actix_rt::Arbiter::new(), channel());
        arbiter.spawn_fn(move || {
            let _ = held.recv();
        });
        (arbiter, release)
    }

    #[test]
    fn events_of_the_start_wait_for_a_bus_whose_thread_is_busy() {
        let _system = actix_rt::System::new();
        let ((arbiter, release), (told, heard)) = (busy_arbiter(), channel());
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
        let ((arbiter, release), (told, heard)) = (busy_arbiter(), channel());
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

    /// A listener that holds the way to its own bus, as the monitor's does, and says when it goes.
    struct Holding {
        publisher: Arc<Mutex<Option<Publisher>>>,
        told: Sender<&'static str>,
    }

    impl StreamingListener for Holding {
        fn on_event(&mut self, _: &Event) {
            assert!(self.publisher.lock().unwrap().is_some());
            self.told.send("event").unwrap();
        }
    }

    impl Drop for Holding {
        fn drop(&mut self) {
            let _ = self.told.send("gone");
        }
    }

    fn event() -> Event {
        Event::StreamingStarted { time: Time::ZERO }
    }

    /// L-9
    #[test]
    fn a_bus_that_is_ended_tells_what_waits_and_lets_its_listeners_go_whoever_holds_its_address() {
        let _system = actix_rt::System::new();
        let ((arbiter, release), (told, heard)) = (busy_arbiter(), channel());
        let slot = Arc::new(Mutex::new(None));
        let publisher = Publisher::start(&arbiter.handle(), vec![Box::new(Holding { publisher: slot.clone(), told })]);
        *slot.lock().unwrap() = Some(publisher.clone());
        (0..3).for_each(|_| publisher.publish(event()));
        publisher.end();
        publisher.publish(event());
        release.send(()).unwrap();
        // Until the last sender has gone, which the listener has.
        assert_eq!(heard.iter().collect::<Vec<_>>(), ["event", "event", "event", "gone"]);
        assert!(!publisher.wanted());
        publisher.publish(event());
        assert_eq!((publisher.dropped(), publisher.waiting()), (0, 0), "nobody is behind: there is nobody");
        arbiter.stop();
        arbiter.join().unwrap();
    }

    #[test]
    fn a_bus_without_room_is_ended_all_the_same() {
        let _system = actix_rt::System::new();
        let ((arbiter, release), (told, heard)) = (busy_arbiter(), channel());
        let slot = Arc::new(Mutex::new(None));
        let publisher = Publisher::start(&arbiter.handle(), vec![Box::new(Holding { publisher: slot.clone(), told })]);
        *slot.lock().unwrap() = Some(publisher.clone());
        while publisher.dropped() == 0 {
            publisher.publish(event());
        }
        let waiting = publisher.waiting();
        publisher.end();
        release.send(()).unwrap();
        let heard: Vec<_> = heard.iter().collect();
        assert_eq!((heard.len(), heard.last()), (waiting + 1, Some(&"gone")));
        arbiter.stop();
        arbiter.join().unwrap();
    }

    /// What is logged, of all tests of this process.
    static LOGGED: Mutex<Vec<String>> = Mutex::new(Vec::new());

    struct Noting;

    impl log::Log for Noting {
        fn enabled(&self, _: &log::Metadata<'_>) -> bool {
            true
        }
        fn log(&self, record: &log::Record<'_>) {
            LOGGED.lock().unwrap().push(format!("{} {}", record.level(), record.args()));
        }
        fn flush(&self) {}
    }

    struct Panicking;

    impl StreamingListener for Panicking {
        fn on_event(&mut self, _: &Event) {
            panic!("a bad listener");
        }
    }

    impl Drop for Panicking {
        fn drop(&mut self) {
            panic!("and a bad end");
        }
    }

    /// F-8
    #[test]
    fn a_listener_that_panics_is_named_in_the_log_and_gone_and_the_bus_goes_on() {
        log::set_logger(&Noting).unwrap();
        log::set_max_level(log::LevelFilter::Error);
        let _system = actix_rt::System::new();
        let arbiter = actix_rt::Arbiter::new();
        let (told, heard) = channel();
        let quiet = move |event: &Event| drop(told.send(event.clone()));
        let publisher = Publisher::start(&arbiter.handle(), vec![Box::new(Panicking), Box::new(quiet)]);
        (0..3).for_each(|_| publisher.publish(event()));
        publisher.end();
        assert_eq!(heard.iter().count(), 3);
        arbiter.stop();
        arbiter.join().unwrap();
        let logged = LOGGED.lock().unwrap().clone();
        let of_it: Vec<_> = logged.iter().filter(|line| line.contains("::Panicking")).collect();
        let [panicked, dropped] = of_it.as_slice() else { panic!("{logged:?}") };
        assert!(panicked.starts_with("ERROR") && panicked.contains("a bad listener"), "{panicked}");
        assert!(dropped.contains("and a bad end"), "{dropped}");
    }

    /// Has no name, and cannot be told anything.
    struct Nameless;

    impl StreamingListener for Nameless {
        fn on_event(&mut self, _: &Event) {
            panic!("nothing works");
        }

        fn name(&self) -> &str {
            panic!("neither does this");
        }
    }

    #[test]
    fn a_listener_whose_name_panics_does_not_take_the_others_with_it() {
        let _system = actix_rt::System::new();
        let arbiter = actix_rt::Arbiter::new();
        let (told, heard) = channel();
        let quiet = move |event: &Event| drop(told.send(event.clone()));
        let publisher = Publisher::start(&arbiter.handle(), vec![Box::new(Nameless), Box::new(quiet)]);
        (0..3).for_each(|_| publisher.publish(event()));
        publisher.end();
        assert_eq!(heard.iter().count(), 3);
        arbiter.stop();
        arbiter.join().unwrap();
    }
}
