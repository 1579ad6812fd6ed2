//! Clients that are refused, and ports that cannot be.

use super::*;

fn rejected(address: SocketAddr, name: &str) -> (Refusal, String) {
    match RemoteActor::<Order>::connect_blocking(address, name) {
        Err(RemoteError::Rejected { code, text }) => (code, text),
        other => panic!("not refused: {other:?}"),
    }
}

/// M-6
#[test]
fn a_name_that_is_not_there_and_another_type_are_refused_by_name() {
    #[derive(Serialize, Deserialize)]
    enum Elsewhere {
        Store(u64),
        Refuse(u64),
        Throw(u64),
    }

    let ssc = context(config());
    let alone = ssc.actor_stream("alone", at_once(), |sink| Taker { sink });
    let _numbers = batches(alone.stream());
    let served = serve(ssc, RemotePortOptions::default());
    for name in ["nobody", "alone"] {
        let (code, text) = rejected(served.address(), name);
        assert_eq!(code, Refusal::UnknownName);
        assert_eq!(text, format!("there is no actor stream {name:?} that takes messages from remote senders"));
    }
    let error = RemoteActor::<Elsewhere>::connect_blocking(served.address(), "numbers").unwrap_err();
    let RemoteError::Rejected { code: Refusal::OtherType, text } = error else { panic!("{error}") };
    assert!(text.contains("Order") && text.contains("Elsewhere"), "{text}");
    let _ = (Elsewhere::Store(1), Elsewhere::Refuse(1), Elsewhere::Throw(1));
    assert_eq!(served.statistics().refused, [(Refusal::UnknownName, 2), (Refusal::OtherType, 1)]);
    served.running.stop(Stop::Graceful).unwrap();
}

/// A type of another name, with the same fields, is the same on the wire.
/// M-6
#[test]
fn a_type_is_known_by_its_fields_and_not_by_its_name() {
    #[derive(Serialize, Deserialize)]
    enum Order2 {
        Store(u64),
        Refuse(u64),
        Panic(u64),
    }

    let served = serve(context(config()), RemotePortOptions::default());
    let feeder = RemoteActor::<Order2>::connect_blocking(served.address(), "numbers").unwrap();
    feeder.send_blocking(&Order2::Store(3)).unwrap();
    assert!(feeder.send_blocking(&Order2::Refuse(3)).is_err() && feeder.send_blocking(&Order2::Panic(3)).is_err());
    assert_eq!(next_records(&served.numbers, 1), [3]);
    served.running.stop(Stop::Graceful).unwrap();
}

/// M-6
#[test]
fn something_else_that_listens_there_is_named_and_not_tried_again() {
    let peer = Peer::new();
    let address = peer.address();
    let connecting = std::thread::spawn(move || RemoteActor::<Order>::connect_blocking(address, "numbers"));
    peer.accept().write_all(b"220 mail.example.org ESMTP\r\n").unwrap();
    let error = connecting.join().unwrap().unwrap_err();
    assert!(matches!(error, RemoteError::Protocol { .. }), "{error}");
}

/// M-6
#[test]
fn a_port_that_other_machines_reach_has_to_be_asked_for() {
    let (ssc, _clock) = manual_context(config());
    let error = ssc.remote_actors("0.0.0.0:0").unwrap_err().to_string();
    assert!(error.contains("whoever reaches it can send to the actors"), "{error}");
    let open = ssc.remote_actors_with("0.0.0.0:0", RemotePortOptions::default().beyond_this_machine()).unwrap();
    assert_ne!(open.address().port(), 0);
    let taken = ssc.remote_actors(("127.0.0.1", open.address().port()));
    assert!(taken.is_err());
}

/// M-6
#[test]
fn a_port_without_a_stream_behind_it_and_a_second_type_are_mistakes() {
    let (ssc, _clock) = manual_context(config());
    let _numbers = batches(ssc.actor_stream("numbers", at_once(), |sink| Taker { sink }).stream());
    let _port = ssc.remote_actors("127.0.0.1:0").unwrap();
    let fault = ssc.start().unwrap().await_termination().unwrap_err().to_string();
    assert!(fault.contains("remote_actors at") && fault.contains("call remote on one"), "{fault}");

    let (ssc, _clock) = manual_context(config());
    let stream = ssc.actor_stream("numbers", at_once(), |sink| Taker { sink });
    let _numbers = batches(stream.remote::<Order>().remote::<Order>().stream());
    let error = ssc.start().unwrap_err().to_string();
    assert!(error.contains("remote at") && error.contains("one enum"), "{error}");
}

/// M-5
#[test]
fn nobody_listens_any_more_when_the_program_has_ended() {
    for how in [Stop::Graceful, Stop::Immediate] {
        let served = serve(context(config()), RemotePortOptions::default());
        let (mut raw, _) = Raw::welcomed(served.address());
        served.running.stop(how).unwrap();
        assert!(TcpStream::connect(served.address()).is_err());
        assert_eq!(raw.refusal(), (Refusal::Ended, "the program ends".to_owned()));
    }
}
