//! `sample`: some of the records, by chance.

use super::Filter;
use crate::rdd::sink::push_iter;
use crate::rdd::{Rdd, take};
use crate::record::Data;
use rand::SeedableRng;
use rand::distr::{Bernoulli, Distribution};
use rand::rngs::SmallRng;
use rand_distr::Poisson;
use std::iter::repeat_n;
use waterwheel_runtime::error::JobError;
use waterwheel_runtime::site::Site;

impl<T: Data> Rdd<T> {
    /// Some of the records, in their order. Without replacement each is taken once, with the probability `fraction` (0 to 1);
    /// with replacement as often as chance has it, `fraction` times on average (0 or more).
    ///
    /// The same `seed` on the same partitions gives the same sample, however often it is computed. How many records it has is a
    /// matter of chance, too: [`take`](Rdd::take) gives an exact number.
    ///
    /// # Errors
    /// A fraction that is out of range or no number.
    ///
    /// ```
    /// # use waterwheel_operators::prelude::*;
    /// # let engine = Engine::local(1)?;
    /// let some = engine.parallelize(0..10_000, 4).sample(false, 0.1, 42)?;
    /// assert!((900..1100).contains(&some.count()?));
    /// assert_eq!(some.collect()?, some.collect()?);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[track_caller]
    pub fn sample(&self, with_replacement: bool, fraction: f64, seed: u64) -> Result<Rdd<T>, JobError> {
        let site = Site::here("sample");
        let problem = |range: &str| {
            let message = format!("the fraction is {fraction}; {range}");
            JobError::Failed { site, batch: self.scope().batch(), message }
        };
        if with_replacement && fraction != 0.0 {
            let range = "with replacement it has to be a number from 0 up that is not too large to count to";
            return Ok(self.sample_again_and_again(site, Poisson::new(fraction).map_err(|_| problem(range))?, seed));
        }
        let chance = Bernoulli::new(fraction).map_err(|_| problem("without replacement it has to be from 0 to 1"))?;
        Ok(self.narrow(true, move |input, task, out| {
            let mut random = generator(seed, input.partition());
            input.push_into(task, &mut Filter::new(site, task, |_: &T| chance.sample(&mut random), out))
        }))
    }

    fn sample_again_and_again(&self, site: Site, times: Poisson<f64>, seed: u64) -> Rdd<T> {
        self.narrow(true, move |input, task, out| {
            let mut random = generator(seed, input.partition());
            input.each(task, |chunk| {
                // What the distribution gives is a whole number, though not by type.
                let draw = || (&times).sample_iter(&mut random).take(chunk.len()).map(|n| n as usize).collect();
                let draws: Vec<usize> = task.run(site, chunk.len(), draw)?;
                push_iter(site, task, take(chunk).zip(draws).flat_map(|(record, n)| repeat_n(record, n)), out)
            })
        })
    }
}

/// Chance for one partition. Neighbouring seeds and neighbouring partitions have nothing in common.
fn generator(seed: u64, partition: usize) -> SmallRng {
    /// Odd, and without a pattern in its bits.
    const SPREAD: u64 = 0x9e37_79b9_7f4a_7c15;
    SmallRng::seed_from_u64(seed ^ (partition as u64).wrapping_mul(SPREAD))
}

#[cfg(test)]
mod tests {
    use crate::prelude::*;

    #[test]
    fn a_sample_has_about_the_fraction_asked_for_in_order_and_no_record_twice() {
        let engine = Engine::local(2).unwrap();
        let numbers = engine.parallelize(0..100_000, 7);
        for fraction in [0.0, 0.001, 0.25, 0.9, 1.0] {
            let sample = numbers.sample(false, fraction, 7).unwrap().collect().unwrap();
            assert!(sample.is_sorted_by(|a, b| a < b));
            // Six standard deviations: by chance this fails once in a thousand million seeds, and the seed is fixed.
            let expected = 100_000.0 * fraction;
            let deviation = (expected * (1.0 - fraction)).sqrt();
            assert!((sample.len() as f64 - expected).abs() <= 6.0 * deviation, "{} of {fraction}", sample.len());
        }
    }

    #[test]
    fn a_sample_with_replacement_has_records_as_often_as_a_poisson_distribution_says() {
        let engine = Engine::local(2).unwrap();
        let numbers = engine.parallelize(0..50_000, 3);
        let sample = numbers.sample(true, 1.5, 7).unwrap().collect().unwrap();
        assert!(sample.is_sorted());
        assert!((sample.len() as f64 - 75_000.0).abs() < 6.0 * 75_000f64.sqrt(), "{}", sample.len());
        let mut times = [0usize; 64];
        sample.chunk_by(|a, b| a == b).for_each(|same| times[same.len()] += 1);
        // exp(-1.5) * 1.5^k / k!
        for (k, share) in [(1, 0.3347), (2, 0.2510), (3, 0.1255), (4, 0.0471)] {
            assert!((times[k] as f64 / 50_000.0 - share).abs() < 0.01, "{} are there {k} times", times[k]);
        }
        assert_eq!(numbers.sample(true, 0.0, 7).unwrap().count().unwrap(), 0);
        assert_eq!(engine.parallelize([1], 1).sample(true, 5000.0, 7).unwrap().distinct().collect().unwrap(), [1]);
    }

    #[test]
    fn seed_and_partition_alone_decide() {
        let sample = |cores, replace, seed| {
            let engine = Engine::local(cores).unwrap();
            engine.parallelize(0..1000, 5).sample(replace, 0.5, seed).unwrap().collect().unwrap()
        };
        for replace in [false, true] {
            assert_eq!(sample(1, replace, 1), sample(4, replace, 1));
            assert_ne!(sample(1, replace, 1), sample(1, replace, 2));
        }
        // Partitions with the same records draw differently.
        let engine = Engine::local(1).unwrap();
        let twins = engine.from_partitions(vec![(0..100).collect(), (0..100).collect::<Vec<u32>>()]);
        let [first, second]: [Vec<u32>; 2] =
            twins.sample(false, 0.5, 1).unwrap().glom().collect().unwrap().try_into().unwrap();
        assert_ne!(first, second);
    }

    #[test]
    fn a_fraction_that_makes_no_sense_is_refused_with_the_users_line() {
        let engine = Engine::local(1).unwrap();
        let numbers = engine.parallelize(0..10, 1);
        for (replace, fraction, rule) in [
            (false, -0.1, "from 0 to 1"),
            (false, 1.1, "from 0 to 1"),
            (false, f64::NAN, "from 0 to 1"),
            (true, -0.1, "from 0 up"),
            (true, f64::INFINITY, "from 0 up"),
            (true, f64::NAN, "from 0 up"),
        ] {
            let line = line!() + 1;
            let error = numbers.sample(replace, fraction, 1).unwrap_err().to_string();
            assert!(error.starts_with(&format!("sample at {}:{line}:", file!())), "{error}");
            assert!(error.contains(&format!("the fraction is {fraction}; ")) && error.contains(rule), "{error}");
        }
    }

    #[test]
    fn the_partitioner_is_kept() {
        let engine = Engine::local(1).unwrap();
        let parted = engine.parallelize([(1, 1)], 1).partition_by(3);
        for replace in [false, true] {
            let sample = parted.sample(replace, 0.5, 1).unwrap();
            assert_eq!(sample.node().partitioner(), parted.node().partitioner());
        }
    }
}
