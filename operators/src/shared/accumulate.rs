//! What an accumulator gathers, and how.

/// A value that updates are added to, each task to one of its own; those are merged. Spark's `AccumulatorParam`.
///
/// Numbers are their own sum; a list gathers elements. `Default` is what every task starts with. Tasks finish in any order, so
/// the result should not depend on the order of merging.
///
/// ```
/// use waterwheel_operators::prelude::*;
///
/// /// The longest word.
/// #[derive(Clone, Default)]
/// struct Longest(String);
///
/// impl Accumulate for Longest {
///     type Update = String;
///
///     fn add(&mut self, word: String) {
///         if (word.len(), &self.0) > (self.0.len(), &word) {
///             self.0 = word;
///         }
///     }
///
///     fn merge(&mut self, other: Longest) {
///         self.add(other.0);
///     }
/// }
///
/// let engine = Engine::local(2)?;
/// let longest = engine.accumulator("longest word", Longest::default());
/// let seen = longest.clone();
/// engine.parallelize(["a", "wheel", "of"].map(String::from), 2).foreach(move |word| seen.add(word))?;
/// assert_eq!(longest.value().0, "wheel");
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub trait Accumulate: Default + Clone + Send + 'static {
    /// What is added.
    type Update;

    /// Adds an update.
    fn add(&mut self, update: Self::Update);

    /// Adds everything that another task gathered.
    fn merge(&mut self, other: Self);
}

macro_rules! sums {
    ($($number:ty)*) => {$(
        /// The sum.
        impl Accumulate for $number {
            type Update = $number;

            fn add(&mut self, update: $number) {
                *self += update;
            }

            fn merge(&mut self, other: $number) {
                *self += other;
            }
        }
    )*};
}

sums! { u8 u16 u32 u64 u128 usize i8 i16 i32 i64 i128 isize f32 f64 }

/// All elements, those of a task together and in order.
impl<T: Clone + Send + 'static> Accumulate for Vec<T> {
    type Update = T;

    fn add(&mut self, update: T) {
        self.push(update);
    }

    fn merge(&mut self, mut other: Vec<T>) {
        self.append(&mut other);
    }
}
