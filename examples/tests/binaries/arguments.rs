//! Arguments and variables that cannot be: named, with what is accepted, before anything runs.

use crate::program::{ALL, Program, WORD_COUNT, command};

#[test]
fn bad_argument_is_named_and_the_exit_code_is_2() {
    for (arguments, named, accepted) in [
        ("localhost", "'localhost' for '[HOST:PORT]'", "localhost:9999"),
        ("localhost:http", "'localhost:http' for '[HOST:PORT]'", "from 1 to 65535"),
        ("localhost:70000", "'localhost:70000' for '[HOST:PORT]'", "from 1 to 65535"),
        ("::1:9999", "'::1:9999' for '[HOST:PORT]'", "brackets"),
        ("--interval 0", "'0' for '--interval <TIME>'", "longer than zero"),
        ("--interval 0s", "'0s' for '--interval <TIME>'", "longer than zero"),
        ("--interval=-1s", "'-1s' for '--interval <TIME>'", "such as 1s"),
        ("--cores 0", "'0' for '--cores <N>'", "at least 1"),
        ("--batches many", "'many' for '--batches <N>'", "at least 1"),
        ("--speed 9", "'--speed'", "--help"),
        ("localhost:1 localhost:2", "'localhost:2'", "--help"),
    ] {
        for binary in ALL {
            let end = Program::start(binary, arguments).end();
            let message = end.err.join("\n");
            assert_eq!((end.code, end.out.as_slice()), (Some(2), [].as_slice()), "{arguments}: {message}");
            assert!(message.contains(named) && message.contains(accepted), "{arguments}: {message}");
        }
    }
}

#[test]
fn interval_that_is_no_whole_number_of_milliseconds_is_named() {
    for interval in ["1500us", "999ns"] {
        let end = Program::start(WORD_COUNT, &format!("--interval {interval}")).end();
        let message = end.err.join("\n");
        assert!(end.code != Some(0) && end.out.is_empty(), "{end:?}");
        assert!(message.contains("interval") && message.contains("milliseconds"), "{message}");
    }
}

#[test]
fn bad_variable_is_named_before_anything_is_printed() {
    for (name, value, expected) in [
        ("WATERWHEEL_COERS", "2", "did you mean `WATERWHEEL_CORES`?"),
        ("WATERWHEEL_CORES", "none", "WATERWHEEL_CORES: `cores` cannot be `none`"),
        (
            "WATERWHEEL_RECEIVER__MAX_LINE",
            "long",
            "WATERWHEEL_RECEIVER__MAX_LINE: `receiver.max_line` cannot be `long`",
        ),
    ] {
        for binary in ALL {
            let mut command = command(binary, "");
            command.env(name, value);
            let end = Program::spawn(command).end();
            let message = end.err.join("\n");
            assert_eq!((end.code, end.out.as_slice()), (Some(1), [].as_slice()), "{message}");
            assert!(message.contains(expected), "{message}");
        }
    }
}

#[test]
fn help_tells_every_argument() {
    for binary in ALL {
        let end = Program::start(binary, "--help").end();
        let help = end.out.join("\n");
        assert_eq!(end.code, Some(0));
        assert!(!help.contains("```"), "the listing of the documentation is not for the terminal: {help}");
        for argument in ["[HOST:PORT]", "--interval", "--cores", "--batches", "--progress"] {
            assert!(help.contains(argument), "{help}");
        }
    }
}
