//! The serializer that weighs.

use super::{ENTRY, HEADER, LIST, UNSEEN, allocation};
use serde::de::value::Error;
use serde::ser::{
    Serialize, SerializeMap, SerializeSeq, SerializeStruct, SerializeStructVariant, SerializeTuple,
    SerializeTupleStruct, SerializeTupleVariant, Serializer,
};
use std::cell::Cell;
use std::fmt::{self, Display, Write};
use std::mem::{size_of, size_of_val};

/// The bytes that were seen so far.
#[derive(Debug, Default)]
pub(super) struct Seen(Cell<usize>);

impl Seen {
    pub(super) fn bytes(&self) -> usize {
        self.0.get()
    }

    fn add(&self, bytes: usize) {
        self.0.set(self.0.get().saturating_add(bytes));
    }
}

/// Adds what one value weighs to what was seen.
#[derive(Clone, Copy)]
pub(super) struct Scale<'s> {
    seen: &'s Seen,
    /// The bytes that are counted for the value itself already; `None` of an element of a list, whose size the list does not tell.
    counted: Option<usize>,
}

impl<'s> Scale<'s> {
    /// A value that lies in something of which `counted` bytes are counted for it.
    pub(super) fn inside(seen: &'s Seen, counted: usize) -> Scale<'s> {
        Scale { seen, counted: Some(counted) }
    }

    /// An element of a list.
    fn element(seen: &'s Seen) -> Scale<'s> {
        Scale { seen, counted: None }
    }

    /// The value itself takes `bytes`. Whatever has less room than that is a box, which holds it elsewhere.
    fn itself(self, bytes: usize) {
        match self.counted {
            Some(counted) if counted >= bytes => {}
            Some(_) => self.seen.add(bytes.saturating_add(LIST)),
            None => self.seen.add(bytes),
        }
    }

    /// The value is as small as a pointer, so that nobody can tell a box by it.
    fn small(self, bytes: usize) -> Result<(), Error> {
        if self.counted.is_none() {
            self.seen.add(bytes);
        }
        Ok(())
    }

    /// A string or list itself, of `bytes`. Some have no capacity, and none has less than a pointer and a length: that is a box of one.
    fn header(self, bytes: usize) {
        match self.counted {
            Some(counted) if counted >= 2 * size_of::<usize>() => {}
            Some(_) => self.seen.add(bytes + LIST),
            None => self.seen.add(bytes),
        }
    }

    fn text(self, length: usize) -> Result<(), Error> {
        self.header(HEADER);
        self.seen.add(allocation(length));
        Ok(())
    }

    fn held<T: Serialize + ?Sized>(self, value: &T) -> Result<(), Error> {
        self.itself(size_of_val(value));
        value.serialize(Scale::inside(self.seen, size_of_val(value)))
    }

    fn fields(self) -> Fields<'s> {
        Fields { scale: self, bytes: 0 }
    }

    fn many(self, header: usize) -> Many<'s> {
        self.header(header);
        Many { seen: self.seen, any: false }
    }
}

macro_rules! numbers {
    ($($method:ident($kind:ty))*) => {$(
        fn $method(self, _: $kind) -> Result<(), Error> {
            self.itself(size_of::<$kind>());
            Ok(())
        }
    )*};
}

impl<'s> Serializer for Scale<'s> {
    type Ok = ();
    type Error = Error;
    type SerializeSeq = Many<'s>;
    type SerializeTuple = Fields<'s>;
    type SerializeTupleStruct = Fields<'s>;
    type SerializeTupleVariant = Fields<'s>;
    type SerializeMap = Many<'s>;
    type SerializeStruct = Fields<'s>;
    type SerializeStructVariant = Fields<'s>;

    numbers! {
        serialize_bool(bool)
        serialize_i8(i8)
        serialize_i16(i16)
        serialize_i32(i32)
        serialize_i64(i64)
        serialize_i128(i128)
        serialize_u8(u8)
        serialize_u16(u16)
        serialize_u32(u32)
        serialize_u64(u64)
        serialize_u128(u128)
        serialize_f32(f32)
        serialize_f64(f64)
        serialize_char(char)
    }

    fn serialize_str(self, text: &str) -> Result<(), Error> {
        self.text(text.len())
    }

    fn serialize_bytes(self, bytes: &[u8]) -> Result<(), Error> {
        self.text(bytes.len())
    }

    fn serialize_none(self) -> Result<(), Error> {
        self.small(UNSEEN)
    }

    fn serialize_some<T: Serialize + ?Sized>(self, value: &T) -> Result<(), Error> {
        self.held(value)
    }

    fn serialize_unit(self) -> Result<(), Error> {
        Ok(())
    }

    fn serialize_unit_struct(self, _: &'static str) -> Result<(), Error> {
        Ok(())
    }

    fn serialize_unit_variant(self, _: &'static str, _: u32, _: &'static str) -> Result<(), Error> {
        self.small(UNSEEN)
    }

    fn serialize_newtype_struct<T: Serialize + ?Sized>(self, _: &'static str, value: &T) -> Result<(), Error> {
        self.held(value)
    }

    fn serialize_newtype_variant<T: Serialize + ?Sized>(
        self,
        _: &'static str,
        _: u32,
        _: &'static str,
        value: &T,
    ) -> Result<(), Error> {
        self.small(UNSEEN)?;
        self.held(value)
    }

    fn serialize_seq(self, _: Option<usize>) -> Result<Many<'s>, Error> {
        Ok(self.many(HEADER))
    }

    fn serialize_tuple(self, _: usize) -> Result<Fields<'s>, Error> {
        Ok(self.fields())
    }

    fn serialize_tuple_struct(self, _: &'static str, _: usize) -> Result<Fields<'s>, Error> {
        Ok(self.fields())
    }

    fn serialize_tuple_variant(self, _: &'static str, _: u32, _: &'static str, _: usize) -> Result<Fields<'s>, Error> {
        self.small(UNSEEN)?;
        Ok(self.fields())
    }

    fn serialize_map(self, _: Option<usize>) -> Result<Many<'s>, Error> {
        Ok(self.many(2 * HEADER))
    }

    fn serialize_struct(self, _: &'static str, _: usize) -> Result<Fields<'s>, Error> {
        Ok(self.fields())
    }

    fn serialize_struct_variant(self, _: &'static str, _: u32, _: &'static str, _: usize) -> Result<Fields<'s>, Error> {
        self.small(UNSEEN)?;
        Ok(self.fields())
    }

    /// The text is not made: only its length counts.
    fn collect_str<T: Display + ?Sized>(self, value: &T) -> Result<(), Error> {
        struct Length(usize);
        impl Write for Length {
            fn write_str(&mut self, text: &str) -> fmt::Result {
                self.0 += text.len();
                Ok(())
            }
        }
        let mut length = Length(0);
        write!(length, "{value}").map_err(<Error as serde::ser::Error>::custom)?;
        self.text(length.0)
    }

    /// As the codec has it: some types are text for people only.
    fn is_human_readable(&self) -> bool {
        false
    }
}

/// The elements of a list, or the entries of a map.
pub(super) struct Many<'s> {
    seen: &'s Seen,
    any: bool,
}

impl Many<'_> {
    fn one<T: Serialize + ?Sized>(&mut self, value: &T) -> Result<(), Error> {
        self.any = true;
        // Its own size says nothing: lists hand out references.
        value.serialize(Scale::element(self.seen))
    }

    fn all(self) -> Result<(), Error> {
        if self.any {
            self.seen.add(LIST);
        }
        Ok(())
    }
}

impl SerializeSeq for Many<'_> {
    type Ok = ();
    type Error = Error;

    fn serialize_element<T: Serialize + ?Sized>(&mut self, value: &T) -> Result<(), Error> {
        self.one(value)
    }

    fn end(self) -> Result<(), Error> {
        self.all()
    }
}

impl SerializeMap for Many<'_> {
    type Ok = ();
    type Error = Error;

    fn serialize_key<T: Serialize + ?Sized>(&mut self, key: &T) -> Result<(), Error> {
        self.seen.add(ENTRY);
        self.one(key)
    }

    fn serialize_value<T: Serialize + ?Sized>(&mut self, value: &T) -> Result<(), Error> {
        self.one(value)
    }

    fn end(self) -> Result<(), Error> {
        self.all()
    }
}

/// The fields of a struct, tuple or array, which lie in it.
pub(super) struct Fields<'s> {
    scale: Scale<'s>,
    bytes: usize,
}

impl Fields<'_> {
    fn one<T: Serialize + ?Sized>(&mut self, value: &T) -> Result<(), Error> {
        self.bytes += size_of_val(value);
        value.serialize(Scale::inside(self.scale.seen, size_of_val(value)))
    }

    fn all(self) -> Result<(), Error> {
        self.scale.itself(self.bytes);
        Ok(())
    }
}

macro_rules! fields {
    ($($party:ident::$method:ident($($name:ident: $kind:ty)?))*) => {$(
        impl $party for Fields<'_> {
            type Ok = ();
            type Error = Error;

            fn $method<T: Serialize + ?Sized>(&mut self, $($name: $kind,)? value: &T) -> Result<(), Error> {
                self.one(value)
            }

            fn end(self) -> Result<(), Error> {
                self.all()
            }
        }
    )*};
}

fields! {
    SerializeTuple::serialize_element()
    SerializeTupleStruct::serialize_field()
    SerializeTupleVariant::serialize_field()
    SerializeStruct::serialize_field(_name: &'static str)
    SerializeStructVariant::serialize_field(_name: &'static str)
}
