//! Stored keys and values, read by their recorded shape instead of their type.

use serde_json::{Map, Number, Value};
use std::fmt;
use waterwheel_runtime::state::{Leaf, NodeId, Part, ROOT, Shape, ShapeNode};

/// How deep values may be nested.
const DEEPEST: usize = 128;
/// A value may have this many parts more than bytes: parts without bytes cost nothing on disk.
const PARTS_WITHOUT_BYTES: usize = 1 << 20;

/// Bytes that are not of the recorded shape.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Undecodable(&'static str);

impl fmt::Display for Undecodable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.0)
    }
}

impl std::error::Error for Undecodable {}

/// Reads encoded values one after the other.
#[derive(Debug, Clone)]
pub struct Decoder<'a> {
    rest: &'a [u8],
    /// How many more parts are read.
    parts: usize,
}

/// The value that `bytes`, all of them, are the encoding of.
///
/// # Errors
/// When they are not of this shape.
pub fn decode(shape: &Shape, bytes: &[u8]) -> Result<Value, Undecodable> {
    let mut decoder = Decoder::new(bytes);
    let value = decoder.value(shape)?;
    decoder.end().map(|()| value)
}

impl<'a> Decoder<'a> {
    /// A decoder of `bytes`.
    pub fn new(bytes: &'a [u8]) -> Decoder<'a> {
        Decoder { rest: bytes, parts: bytes.len().saturating_add(PARTS_WITHOUT_BYTES) }
    }

    /// The next value, as `serde_json` would write it. What JSON has no numbers for is text; a map whose keys are neither texts nor
    /// numbers is a list of pairs.
    ///
    /// # Errors
    /// When the bytes are not of this shape.
    pub fn value(&mut self, shape: &Shape) -> Result<Value, Undecodable> {
        self.node(shape, ROOT, 0)
    }

    /// The next value and the bytes that it takes.
    ///
    /// # Errors
    /// When the bytes are not of this shape.
    pub fn value_and_bytes(&mut self, shape: &Shape) -> Result<(Value, &'a [u8]), Undecodable> {
        let before = self.rest;
        let value = self.value(shape)?;
        let length = before.len() - self.rest.len();
        Ok((value, before.get(..length).unwrap_or_default()))
    }

    /// Whether nothing is left.
    ///
    /// # Errors
    /// When something is.
    pub fn end(&self) -> Result<(), Undecodable> {
        match self.rest {
            [] => Ok(()),
            _ => Err(Undecodable("there are bytes behind its end")),
        }
    }

    /// The number of elements that follow.
    ///
    /// # Errors
    /// When there is none.
    pub fn length(&mut self) -> Result<u64, Undecodable> {
        u64::try_from(self.unsigned()?).map_err(|_| Undecodable("a length is too large"))
    }

    /// A signed number of more than one byte.
    ///
    /// # Errors
    /// When there is none.
    pub fn signed(&mut self) -> Result<i128, Undecodable> {
        let zigzag = self.unsigned()?;
        // The shifted number has 127 bits.
        let half = (zigzag >> 1) as i128;
        Ok(if zigzag & 1 == 0 { half } else { !half })
    }

    /// Whether there is a value, for those that are optional.
    ///
    /// # Errors
    /// When nothing says so.
    pub fn is_some(&mut self) -> Result<bool, Undecodable> {
        match self.byte()? {
            0 => Ok(false),
            1 => Ok(true),
            _ => Err(Undecodable("a byte that is to be 0 or 1 is neither")),
        }
    }

    fn take(&mut self, count: usize) -> Result<&'a [u8], Undecodable> {
        let (taken, rest) = self.rest.split_at_checked(count).ok_or(Undecodable("it ends too early"))?;
        self.rest = rest;
        Ok(taken)
    }

    fn array<const N: usize>(&mut self) -> Result<[u8; N], Undecodable> {
        let (taken, rest) = self.rest.split_first_chunk::<N>().ok_or(Undecodable("it ends too early"))?;
        self.rest = rest;
        Ok(*taken)
    }

    fn byte(&mut self) -> Result<u8, Undecodable> {
        self.array::<1>().map(|[byte]| byte)
    }

    fn unsigned(&mut self) -> Result<u128, Undecodable> {
        Ok(match self.byte()? {
            251 => u16::from_le_bytes(self.array()?).into(),
            252 => u32::from_le_bytes(self.array()?).into(),
            253 => u64::from_le_bytes(self.array()?).into(),
            254 => u128::from_le_bytes(self.array()?),
            255 => return Err(Undecodable("it has a number of unknown width")),
            small => small.into(),
        })
    }

    fn node(&mut self, shape: &Shape, id: NodeId, depth: usize) -> Result<Value, Undecodable> {
        if depth > DEEPEST {
            return Err(Undecodable("it is nested too deeply"));
        }
        self.parts = self.parts.checked_sub(1).ok_or(Undecodable("it has too many parts"))?;
        let depth = depth + 1;
        match shape.node(id).ok_or(Undecodable("the recorded shape is damaged"))? {
            ShapeNode::Leaf(leaf) => self.leaf(*leaf),
            ShapeNode::Option(some) => match self.is_some()? {
                true => self.node(shape, *some, depth),
                false => Ok(Value::Null),
            },
            ShapeNode::Sequence(element) => (0..self.length()?)
                .map(|_| self.node(shape, *element, depth))
                .collect::<Result<_, _>>()
                .map(Value::Array),
            ShapeNode::Map(key, value) => {
                let pairs = (0..self.length()?)
                    .map(|_| Ok((self.node(shape, *key, depth)?, self.node(shape, *value, depth)?)))
                    .collect::<Result<_, _>>()?;
                Ok(map(pairs))
            }
            ShapeNode::Tuple(values) => {
                values.iter().map(|value| self.node(shape, *value, depth)).collect::<Result<_, _>>().map(Value::Array)
            }
            ShapeNode::Struct(fields) => {
                let fields = fields.iter().enumerate();
                let fields = fields.map(|(at, field)| Ok((name(field, at), self.node(shape, field.shape, depth)?)));
                fields.collect::<Result<Map<_, _>, _>>().map(Value::Object)
            }
            ShapeNode::Enum(variants) => {
                let at = usize::try_from(self.unsigned()?).map_err(|_| UNKNOWN_VARIANT)?;
                let variant = variants.get(at).ok_or(UNKNOWN_VARIANT)?;
                let content = self.node(shape, variant.shape, depth)?;
                Ok(match shape.node(variant.shape) {
                    Some(ShapeNode::Leaf(Leaf::Unit)) => Value::String(name(variant, at)),
                    _ => Value::Object(Map::from_iter([(name(variant, at), content)])),
                })
            }
        }
    }

    fn leaf(&mut self, leaf: Leaf) -> Result<Value, Undecodable> {
        Ok(match leaf {
            Leaf::Unit => Value::Null,
            Leaf::Bool => self.is_some()?.into(),
            Leaf::I8 => i8::from_le_bytes(self.array()?).into(),
            Leaf::U8 => self.byte()?.into(),
            Leaf::I16 => small(i16::try_from(self.signed()?))?,
            Leaf::I32 => small(i32::try_from(self.signed()?))?,
            Leaf::I64 => small(i64::try_from(self.signed()?))?,
            Leaf::U16 => small(u16::try_from(self.unsigned()?))?,
            Leaf::U32 => small(u32::try_from(self.unsigned()?))?,
            Leaf::U64 => small(u64::try_from(self.unsigned()?))?,
            Leaf::I128 => {
                let number = self.signed()?;
                Number::from_i128(number).map_or_else(|| number.to_string().into(), Value::Number)
            }
            Leaf::U128 => {
                let number = self.unsigned()?;
                Number::from_u128(number).map_or_else(|| number.to_string().into(), Value::Number)
            }
            Leaf::F32 => float(f32::from_le_bytes(self.array()?).into()),
            Leaf::F64 => float(f64::from_le_bytes(self.array()?)),
            Leaf::Char => {
                let [first] = *self.rest.first_chunk::<1>().ok_or(Undecodable("it ends too early"))?;
                let length = match first {
                    ..0xC0 => 1,
                    0xC0..0xE0 => 2,
                    0xE0..0xF0 => 3,
                    0xF0.. => 4,
                };
                text(self.take(length)?)?.into()
            }
            Leaf::Text => {
                let length = self.length()?;
                text(self.bytes(length)?)?.into()
            }
            Leaf::Bytes => {
                let length = self.length()?;
                self.bytes(length)?.into()
            }
        })
    }

    fn bytes(&mut self, length: u64) -> Result<&'a [u8], Undecodable> {
        self.take(usize::try_from(length).map_err(|_| Undecodable("it ends too early"))?)
    }
}

const UNKNOWN_VARIANT: Undecodable = Undecodable("it has a variant that the recorded type does not have");

fn name(part: &Part, at: usize) -> String {
    part.name.clone().unwrap_or_else(|| at.to_string())
}

fn small<N: Into<Value>, E>(number: Result<N, E>) -> Result<Value, Undecodable> {
    number.map(Into::into).map_err(|_| Undecodable("a number is too large for its type"))
}

fn float(number: f64) -> Value {
    Number::from_f64(number).map_or_else(|| number.to_string().into(), Value::Number)
}

fn text(bytes: &[u8]) -> Result<&str, Undecodable> {
    std::str::from_utf8(bytes).map_err(|_| Undecodable("a text is not UTF-8"))
}

fn map(pairs: Vec<(Value, Value)>) -> Value {
    let plain = |key: &Value| matches!(key, Value::String(_) | Value::Number(_) | Value::Bool(_));
    match pairs.iter().all(|(key, _)| plain(key)) {
        true => pairs.into_iter().map(|(key, value)| (plain_text(&key), value)).collect::<Map<_, _>>().into(),
        false => pairs.into_iter().map(|(key, value)| Value::Array(vec![key, value])).collect(),
    }
}

/// A text as it is, anything else as JSON.
pub fn plain_text(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        other => other.to_string(),
    }
}

#[cfg(test)]
mod tests;
