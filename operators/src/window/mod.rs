//! Operators over windows: the last so much time of a stream, again and again.
//!
//! A window has a *length* and a *slide*, both multiples of the slide duration of the stream it looks at. At every slide after
//! the zero time it holds the batches after t - length, up to t; the first ones are shorter. Nothing is copied for a window: it
//! reads the datasets of earlier batches, which are kept exactly as long as some window still reads them.

mod count_by_value_and_window;
mod count_by_window;
mod group_by_key_and_window;
mod inverse;
mod reduce_by_key_and_window;
mod reduce_by_key_and_window_inverse;
mod reduce_by_window;
mod reduce_by_window_inverse;
mod sliding;
mod spans;
mod tree;
mod unit;
#[expect(clippy::module_inception, reason = "the operator has the name of its family")]
mod window;

pub use inverse::InverseWindow;

use crate::dstream::DStream;
use std::time::Duration;
use waterwheel_runtime::site::Site;
use waterwheel_runtime::time::{DurationExt, Interval, Time};

/// The longest window and slide: a hundred years. What is longer is a mistake, and would not be for the arithmetic of times.
const LONGEST: Duration = Duration::from_secs(100 * 366 * 86_400);

/// A window that fits its stream.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Windowing {
    length: Duration,
    slide: Duration,
    /// The slide of the stream that is looked at.
    step: Duration,
}

impl Windowing {
    /// The window that `stream` was asked for. One that does not fit is a misuse, and taken for the nearest that does, so that
    /// the rest of the program can be checked as well.
    fn of<T>(stream: &DStream<'_, T>, site: Site, length: Duration, slide: Duration) -> Windowing {
        let step = stream.slide_duration();
        let fitting = |what: &str, wanted: Duration| {
            if wanted > LONGEST {
                let (wanted, longest) = (wanted.pretty(), LONGEST.pretty());
                let problem = format!("the {what} of the window is {wanted}; take no more than {longest}");
                stream.context().misuse(site, problem);
                return step;
            }
            let steps = wanted.as_millis() / step.as_millis().max(1);
            let below = Duration::from_millis(u64::try_from(steps * step.as_millis()).unwrap_or(u64::MAX));
            let fits = !wanted.is_zero() && wanted == below;
            if !fits {
                let (wanted, step, next) = (wanted.pretty(), step.pretty(), below.saturating_add(step).pretty());
                let below = if below.is_zero() { String::new() } else { format!("{} or ", below.pretty()) };
                let problem = format!(
                    "the {what} of the window is {wanted}, which is no multiple of the stream's slide duration {step}; take {below}{next}"
                );
                stream.context().misuse(site, problem);
            }
            if fits { wanted } else { below.max(step) }
        };
        Windowing { length: fitting("length", length), slide: fitting("slide", slide), step }
    }

    /// The times of the stream that the window at `time` looks at: after `zero`, whatever the length.
    fn times(self, zero: Time, time: Time) -> impl Iterator<Item = Time> {
        (Interval::ending_at(time, self.length).begin.max(zero) + self.step).to(time, self.step)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::context::StreamingContext;
    use waterwheel_runtime::config::Config;
    use waterwheel_runtime::time::{milliseconds, seconds};

    /// What `start` says of a window of `length` every `slide` on batches of half a second.
    fn problems(length: Duration, slide: Duration) -> String {
        let ssc = StreamingContext::new(Config::local("test"), milliseconds(500)).unwrap();
        let numbers = ssc.input_stream(crate::testkit::Scripted::new([vec![1]]));
        numbers.window(length, slide).foreach_rdd(|_| {});
        ssc.start().unwrap_err().to_string()
    }

    /// F-7. Spark: "test_reduce_by_invalid_window".
    #[test]
    fn a_window_that_does_not_fit_its_stream_is_a_misuse_that_says_what_would_fit() {
        let length = problems(milliseconds(100), seconds(1));
        assert!(length.contains("the length of the window is 100 ms") && length.contains("take 500 ms"), "{length}");
        let slide = problems(seconds(1), milliseconds(700));
        assert!(
            slide.contains("the slide of the window is 700 ms") && slide.contains("take 500 ms or 1 sec"),
            "{slide}"
        );
        let endless = problems(Duration::MAX, seconds(1));
        assert!(endless.contains("take no more than 36600 days"), "{endless}");
        let both = problems(Duration::ZERO, milliseconds(1));
        assert!(both.starts_with("2 problems") && both.contains("window at "), "{both}");
    }

    #[test]
    fn a_window_looks_at_the_times_after_its_begin() {
        let window = Windowing { length: seconds(3), slide: seconds(2), step: seconds(1) };
        let times = |zero| window.times(Time::from_millis(zero), Time::from_millis(5000)).map(Time::millis);
        assert_eq!(times(0).collect::<Vec<_>>(), [3000, 4000, 5000]);
        assert_eq!(times(4000).collect::<Vec<_>>(), [5000], "there is nothing before the zero time");
        let year = Windowing { length: seconds(365 * 86_400), ..window };
        assert_eq!(year.times(Time::from_millis(3000), Time::from_millis(5000)).count(), 2);
    }
}
