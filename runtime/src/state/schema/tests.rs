//! Shapes of all kinds of types, and the differences between them.

use super::*;
use crate::codec;
use serde::Deserializer;
use serde::de::{Error as _, IgnoredAny, SeqAccess, Visitor};
use std::collections::{BTreeMap, HashMap, HashSet};
use std::fmt;
use std::net::IpAddr;
use std::num::NonZeroU32;
use std::time::{Duration, SystemTime};

fn shape<T: DeserializeOwned>() -> String {
    TypeSchema::of::<T>().shape.map_or_else(|| "untraced".to_owned(), |shape| shape.to_string())
}

fn difference<A: DeserializeOwned, B: DeserializeOwned>() -> String {
    compare(&TypeSchema::of::<A>(), &TypeSchema::of::<B>())
        .map_or_else(|difference| difference.to_string(), |()| "none".to_owned())
}

#[derive(Deserialize)]
#[expect(dead_code, reason = "only its shape matters")]
struct Stats {
    total: u32,
    names: Vec<String>,
    last: Option<(u8, char)>,
}

#[derive(Deserialize)]
#[expect(dead_code, reason = "only its shape matters")]
struct Wrapped(Stats);

#[derive(Deserialize)]
#[expect(dead_code, reason = "only its shape matters")]
enum Event {
    Idle,
    Seen(u64),
    Moved(i32, i32),
    Named { name: String, at: f64 },
    Empty(),
}

#[derive(Deserialize)]
#[expect(dead_code, reason = "only its shape matters")]
enum Expression {
    Add(Box<Expression>, Box<Expression>),
    Negate { of: Box<Expression> },
    Number(i64),
}

#[derive(Deserialize)]
#[expect(dead_code, reason = "only its shape matters")]
struct Tree {
    children: Vec<Tree>,
    next: Option<Box<Tree>>,
    label: String,
}

/// Refuses 0, after its number has been read.
#[derive(Deserialize)]
#[serde(try_from = "u16")]
struct Port;

impl TryFrom<u16> for Port {
    type Error = &'static str;

    fn try_from(port: u16) -> Result<Port, &'static str> {
        if port == 0 { Err("there is no port 0") } else { Ok(Port) }
    }
}

#[derive(Deserialize)]
#[expect(dead_code, reason = "only its shape matters")]
struct Endpoint {
    host: IpAddr,
    port: Port,
    weight: NonZeroU32,
    note: String,
}

#[test]
fn plain_types_have_plain_shapes() {
    assert_eq!(shape::<u64>(), "u64");
    assert_eq!(shape::<()>(), "()");
    assert_eq!(shape::<(bool, i8, u128, i128, f32, char)>(), "(bool, i8, u128, i128, f32, char)");
    assert_eq!(shape::<Option<Option<String>>>(), "text??");
    assert_eq!(shape::<[u16; 3]>(), "(u16, u16, u16)");
    assert_eq!(shape::<HashMap<String, HashSet<i64>>>(), "{text => [i64]}");
    assert_eq!(shape::<BTreeMap<(u8, u8), Box<str>>>(), "{(u8, u8) => text}");
    assert_eq!(shape::<Result<usize, String>>(), "Ok(u64) | Err(text)");
    assert_eq!(shape::<Duration>(), "{ secs: u64, nanos: u32 }");
    assert_eq!(shape::<SystemTime>(), "{ secs_since_epoch: u64, nanos_since_epoch: u32 }");
}

#[test]
fn a_type_that_has_itself_in_many_parts_is_written_out_in_a_few_lines() {
    #[derive(Deserialize)]
    #[expect(dead_code, reason = "only its shape matters")]
    enum Node {
        Leaf,
        Wide(Vec<Node>, Vec<Node>, Vec<Node>, Vec<Node>, Vec<Node>, Vec<Node>, Vec<Node>, Vec<Node>),
    }
    let shown = shape::<Node>();
    assert!(shown.starts_with("Leaf | Wide") && shown.ends_with("...)") && shown.len() < 5_000, "{shown}");
}

#[test]
fn structures_have_their_fields_and_newtypes_are_what_they_wrap() {
    let expected = "{ total: u32, names: [text], last: (u8, char)? }";
    assert_eq!(shape::<Stats>(), expected);
    assert_eq!(shape::<Wrapped>(), expected);
    assert_eq!(difference::<Stats, Wrapped>(), "none");
}

#[test]
fn every_variant_is_found() {
    assert_eq!(shape::<Event>(), "Idle | Seen(u64) | Moved(i32, i32) | Named { name: text, at: f64 } | Empty()");
    assert_eq!(shape::<Vec<Option<Event>>>(), format!("[{}?]", shape::<Event>()));
}

#[test]
fn types_that_contain_themselves_come_to_an_end() {
    for traced in [shape::<Tree>(), shape::<Expression>(), shape::<HashMap<String, Expression>>()] {
        assert!(traced.contains("..."), "{traced}");
    }
    let expression = shape::<Expression>();
    assert!(expression.starts_with("Add(Add(") && expression.contains(" | Number(i64)"), "{expression}");
    assert!(shape::<Tree>().ends_with("label: text }"));
}

#[test]
fn a_type_that_contains_itself_equals_another_one_made_the_same_way() {
    #[derive(Deserialize)]
    #[expect(dead_code, reason = "only its shape matters")]
    struct Plant {
        children: Vec<Plant>,
        next: Option<Box<Plant>>,
        label: String,
    }
    #[derive(Deserialize)]
    #[expect(dead_code, reason = "only its shape matters")]
    struct Root {
        children: Vec<Tree>,
        next: Option<Box<Plant>>,
        label: String,
    }
    assert_eq!(difference::<Tree, Plant>(), "none");
    assert_eq!(difference::<Tree, Root>(), "none", "one step earlier or later");
    assert_eq!(difference::<Tree, Expression>().split(" became ").count(), 2);
}

#[test]
fn what_refuses_the_first_sample_is_tried_with_others() {
    let expected = "{ host: V4(u8, u8, u8, u8) | V6(u8, u8, u8, u8, u8, u8, u8, u8, u8, u8, u8, u8, u8, u8, u8, u8), \
                    port: u16, weight: u32, note: text }";
    assert_eq!(shape::<Endpoint>(), expected);
    assert_eq!(shape::<Vec<Endpoint>>(), format!("[{expected}]"));
    assert_eq!(shape::<(Option<Port>, u8)>(), "(u16?, u8)");
}

/// Two elements in a sequence, always.
struct Complex;

impl<'de> Deserialize<'de> for Complex {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Complex, D::Error> {
        struct Two;
        impl<'de> Visitor<'de> for Two {
            type Value = Complex;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("two numbers")
            }

            fn visit_seq<A: SeqAccess<'de>>(self, mut numbers: A) -> Result<Complex, A::Error> {
                let both =
                    (numbers.next_element::<f64>()?, numbers.next_element::<f64>()?, numbers.next_element::<f64>()?);
                match both {
                    (Some(_), Some(_), None) => Ok(Complex),
                    _ => Err(A::Error::custom("a complex number has two parts")),
                }
            }
        }
        deserializer.deserialize_seq(Two)
    }
}

#[test]
fn a_sequence_that_insists_on_its_length_gets_it() {
    assert_eq!(shape::<(Complex, u8)>(), "([f64], u8)");
}

#[test]
fn aliases_hide_names() {
    #[derive(Deserialize)]
    #[expect(dead_code, reason = "only its shape matters")]
    struct Aliased {
        #[serde(alias = "sum", alias = "amount")]
        total: u32,
        names: Vec<String>,
        last: Option<(u8, char)>,
    }
    #[derive(Deserialize)]
    #[expect(dead_code, reason = "only its shape matters")]
    enum Direction {
        #[serde(alias = "L")]
        Left,
        Right(u8),
    }
    assert_eq!(shape::<Aliased>(), "{ 0: u32, 1: [text], 2: (u8, char)? }");
    assert_eq!(shape::<Direction>(), "0 | 1(u8)");
    assert_eq!(difference::<Stats, Aliased>(), "none");
}

struct Untraceable<const HOW: u8>;

impl<'de, const HOW: u8> Deserialize<'de> for Untraceable<HOW> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        match HOW {
            0 => deserializer.deserialize_any(IgnoredAny).map(|_| Untraceable),
            1 => u8::deserialize(deserializer).and_then(|_| Err(D::Error::custom("never good enough"))),
            2 => Ok(Untraceable),
            _ => Vec::<u8>::deserialize(deserializer)
                .map(|bytes| assert!(bytes.len() > 100, "too few"))
                .map(|()| Untraceable),
        }
    }
}

#[test]
fn what_cannot_be_traced_is_said_to_be_unknown() {
    assert_eq!(shape::<Untraceable<0>>(), "untraced");
    assert_eq!(shape::<Untraceable<1>>(), "u8", "nothing comes after it");
    assert_eq!(shape::<(Untraceable<1>, u8)>(), "untraced");
    assert_eq!(shape::<Untraceable<2>>(), "untraced");
    assert_eq!(shape::<Untraceable<3>>(), "untraced", "its panic is caught");
}

#[derive(Deserialize)]
#[expect(dead_code, reason = "only its shape matters")]
struct Endless(Box<Endless>);

#[derive(Deserialize)]
#[expect(dead_code, reason = "only its shape matters")]
struct EndlessFields {
    first: Box<EndlessFields>,
    second: Box<EndlessFields>,
}

/// Twice the type below it: 2^24 values make the smallest one.
macro_rules! doubling {
    ($name:ident $below:ident $($rest:ident)*) => {
        #[derive(Deserialize)]
        #[expect(dead_code, reason = "only its shape matters")]
        struct $name(Box<$below>, Box<$below>);
        doubling! { $below $($rest)* }
    };
    ($name:ident) => {
        #[derive(Deserialize)]
        #[expect(dead_code, reason = "only its shape matters")]
        struct $name(u8, u8);
    };
}
doubling! { A B C D E F G H I J K L M N O P Q R S T U V W X Y }

#[test]
fn tracing_ends_for_types_without_a_finite_or_small_value() {
    assert_eq!(shape::<Endless>(), "untraced");
    assert_eq!(shape::<EndlessFields>(), "untraced");
    assert_eq!(shape::<A>(), "untraced");
    assert_eq!(
        shape::<V>(),
        "((((u8, u8), (u8, u8)), ((u8, u8), (u8, u8))), (((u8, u8), (u8, u8)), ((u8, u8), (u8, u8))))"
    );
}

#[derive(Deserialize)]
#[expect(dead_code, reason = "only its shape matters")]
struct Pair2<T> {
    left: T,
    right: T,
}

#[test]
fn the_same_generic_type_with_other_arguments_is_another() {
    assert_eq!(
        shape::<(Pair2<u8>, Pair2<String>, Pair2<Pair2<u8>>)>(),
        "({ left: u8, right: u8 }, { left: text, right: text }, { left: { left: u8, right: u8 }, right: { left: u8, right: u8 } })"
    );
}

mod earlier {
    use super::*;

    #[derive(Deserialize)]
    #[expect(dead_code, reason = "only its shape matters")]
    pub(super) struct Session {
        pub(super) user: String,
        pub(super) hits: u32,
        pub(super) pages: Vec<Stats>,
    }
}

macro_rules! session {
    ($($name:ident: $field:ty),*) => {{
        #[derive(Deserialize)]
        #[expect(dead_code, reason = "only its shape matters")]
        struct Visit { $($name: $field),* }
        difference::<earlier::Session, Visit>()
    }};
}

#[derive(Deserialize)]
#[expect(dead_code, reason = "only its shape matters")]
struct LaterStats {
    total: u64,
    names: Vec<String>,
    last: Option<(u8, char)>,
}

#[test]
fn a_difference_is_named_with_its_place() {
    assert_eq!(session!(user: String, hits: u32, pages: Vec<Stats>), "none", "type and module are renamed");
    assert_eq!(session!(user: String, hits: u64, pages: Vec<Stats>), "field hits: u32 became u64");
    assert_eq!(session!(user: String, hits: Option<u32>, pages: Vec<Stats>), "field hits: u32 became u32?");
    assert_eq!(session!(user: String, hits: u32, pages: Vec<LaterStats>), "field pages[].total: u32 became u64");
    assert_eq!(session!(hits: u32, user: String, pages: Vec<Stats>), "the fields are in another order");
    assert_eq!(session!(user: String, hits: u32), "field pages is gone");
    assert_eq!(session!(user: String, hits: u32, pages: Vec<Stats>, at: u8), "field at is new");
    assert_eq!(session!(user: String, clicks: u32, pages: Vec<Stats>), "field hits became field clicks");
    assert_eq!(
        session!(name: String, clicks: u32, pages: Vec<Stats>),
        "field user, hits is gone, field name, clicks is new"
    );
    assert_eq!(difference::<(u8, u16), (u8, u16, u32)>(), "(u8, u16) became (u8, u16, u32)");
    assert_eq!(difference::<HashMap<u8, u16>, HashMap<u8, u32>>(), "value {value}: u16 became u32");
    assert_eq!(difference::<Vec<u8>, String>(), "[u8] became text");
}

#[test]
fn variants_are_compared_by_order_name_and_content() {
    #[derive(Deserialize)]
    #[expect(dead_code, reason = "only its shape matters")]
    enum Swapped {
        Seen(u64),
        Idle,
    }
    #[derive(Deserialize)]
    #[expect(dead_code, reason = "only its shape matters")]
    enum Ordered {
        Idle,
        Seen(u64),
    }
    #[derive(Deserialize)]
    #[expect(dead_code, reason = "only its shape matters")]
    enum Counted {
        Idle,
        Seen(u32),
    }
    assert_eq!(difference::<Ordered, Swapped>(), "the variants are in another order");
    assert_eq!(difference::<Ordered, Counted>(), "variant Seen: u64 became u32");
    assert_eq!(difference::<Event, Ordered>(), "variant Moved, Named, Empty is gone");
}

#[test]
fn types_of_unknown_shape_are_compared_by_name() {
    assert_eq!(difference::<Untraceable<0>, Untraceable<0>>(), "none");
    let renamed = difference::<Untraceable<0>, u8>();
    assert!(renamed.contains("Untraceable<0> became u8, and what one of them consists of is not known"), "{renamed}");
}

#[test]
fn a_schema_comes_back_from_its_bytes() {
    for schema in [TypeSchema::of::<Expression>(), TypeSchema::of::<Endpoint>(), TypeSchema::of::<Untraceable<0>>()] {
        let bytes = codec::encode(&schema).unwrap();
        assert_eq!(codec::decode::<TypeSchema>(&bytes, 1 << 16).unwrap(), schema);
        // The record of the application is TOML.
        assert_eq!(toml::from_str::<TypeSchema>(&toml::to_string(&schema).unwrap()).unwrap(), schema);
    }
}

#[test]
fn a_damaged_description_is_a_difference() {
    let whole = TypeSchema::of::<Vec<u8>>();
    for nodes in [vec![], vec![ShapeNode::Sequence(7)]] {
        let damaged = TypeSchema { type_name: whole.type_name.clone(), shape: Some(Shape::new(nodes)) };
        let difference = compare(&damaged, &whole).unwrap_err().to_string();
        assert!(difference.ends_with("its stored description is damaged"), "{difference}");
        assert!(!damaged.shape.unwrap().to_string().is_empty());
    }
}
