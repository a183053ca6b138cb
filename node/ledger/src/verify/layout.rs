//! Where each field of a record lies in its canonical bytes.
//!
//! No layout is written down a second time here: canonical bytes are the bincode format, so a serde serializer that counts
//! instead of writing meets every field in the order of its bytes, with its name. It is told that it is no text format, so
//! that identifiers and amounts come as bytes. It also writes what it meets; a map whose bytes are not those of the record
//! (enum tags aside, whose numbers only `wincode` knows) is not given out, so a map never lies.

use std::fmt;

use serde::Serialize;
use serde::ser::{self, Impossible};

/// One field: from `start` up to `end`, bytes of the record.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Field {
    /// First byte.
    pub start: usize,
    /// First byte after it.
    pub end: usize,
    /// How it is reached: `operations[3].body.issue.amount_fen`.
    pub path: String,
}

/// The fields of a record whose canonical bytes are `bytes`, without gaps; `None` where the two do not match.
#[must_use]
pub fn fields_of(record: &impl Serialize, bytes: &[u8]) -> Option<Vec<Field>> {
    let mut walk = Walk::default();
    record.serialize(&mut walk).ok()?;
    let Walk { bytes: written, fields, tags, .. } = walk;
    let is_tag = |n: usize| tags.iter().any(|tag| (*tag..tag + TAG_BYTES).contains(&n));
    let same = written.len() == bytes.len()
        && written.iter().zip(bytes).enumerate().all(|(n, (ours, theirs))| ours == theirs || is_tag(n));
    same.then_some(fields)
}

/// Bytes of an enum's tag.
const TAG_BYTES: usize = 4;

/// The walk over a record.
#[derive(Default)]
struct Walk {
    bytes: Vec<u8>,
    fields: Vec<Field>,
    tags: Vec<usize>,
    path: Vec<Step>,
}

enum Step {
    Name(&'static str),
    Index(usize),
}

/// What a record may not hold.
#[derive(Debug)]
struct Unsupported;

impl fmt::Display for Unsupported {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a kind of value that no record holds")
    }
}

impl std::error::Error for Unsupported {}

impl ser::Error for Unsupported {
    fn custom<T: fmt::Display>(_: T) -> Self {
        Self
    }
}

impl Walk {
    /// Writes one field. `part` says what of the value it is: its length, its kind; empty for the value itself.
    fn field(&mut self, bytes: &[u8], part: &str) {
        let start = self.bytes.len();
        self.bytes.extend_from_slice(bytes);
        let mut path = String::new();
        for step in &self.path {
            match step {
                Step::Name(name) if path.is_empty() => path.push_str(name),
                Step::Name(name) => {
                    path.push('.');
                    path.push_str(name);
                }
                Step::Index(index) => path.push_str(&format!("[{index}]")),
            }
        }
        path.push_str(part);
        self.fields.push(Field { start, end: self.bytes.len(), path });
    }

    fn length(&mut self, length: usize) {
        self.field(&(length as u64).to_le_bytes(), " (length)");
    }

    fn tag(&mut self, index: u32) {
        self.tags.push(self.bytes.len());
        self.field(&index.to_le_bytes(), " (kind)");
    }

    fn under<T: Serialize + ?Sized>(&mut self, step: Step, value: &T) -> Result<(), Unsupported> {
        self.path.push(step);
        let result = value.serialize(&mut *self);
        self.path.pop();
        result
    }
}

/// The elements of a value. `variant` tells whether a step for an enum's variant is to be taken back at the end.
struct Elements<'a> {
    walk: &'a mut Walk,
    index: usize,
    variant: bool,
}

impl Elements<'_> {
    fn element<T: Serialize + ?Sized>(&mut self, value: &T) -> Result<(), Unsupported> {
        let index = self.index;
        self.index += 1;
        self.walk.under(Step::Index(index), value)
    }

    fn named<T: Serialize + ?Sized>(&mut self, name: &'static str, value: &T) -> Result<(), Unsupported> {
        self.walk.under(Step::Name(name), value)
    }

    /// A field left out of text because it is `None`.
    fn skipped(&mut self, name: &'static str) -> Result<(), Unsupported> {
        self.named(name, &None::<()>)
    }

    fn finish(self) -> Result<(), Unsupported> {
        if self.variant {
            self.walk.path.pop();
        }
        Ok(())
    }
}

macro_rules! integers {
    ($($name:ident($kind:ty))+) => {$(
        fn $name(self, value: $kind) -> Result<(), Unsupported> {
            self.field(&value.to_le_bytes(), "");
            Ok(())
        }
    )+};
}

impl<'a> ser::Serializer for &'a mut Walk {
    type Ok = ();
    type Error = Unsupported;
    type SerializeSeq = Elements<'a>;
    type SerializeTuple = Elements<'a>;
    type SerializeTupleStruct = Elements<'a>;
    type SerializeTupleVariant = Elements<'a>;
    type SerializeMap = Impossible<(), Unsupported>;
    type SerializeStruct = Elements<'a>;
    type SerializeStructVariant = Elements<'a>;

    integers! {
        serialize_u8(u8) serialize_u16(u16) serialize_u32(u32) serialize_u64(u64) serialize_u128(u128)
        serialize_i8(i8) serialize_i16(i16) serialize_i32(i32) serialize_i64(i64) serialize_i128(i128)
    }

    fn is_human_readable(&self) -> bool {
        false
    }

    fn serialize_bool(self, value: bool) -> Result<(), Unsupported> {
        self.field(&[u8::from(value)], "");
        Ok(())
    }

    fn serialize_f32(self, _: f32) -> Result<(), Unsupported> {
        Err(Unsupported)
    }

    fn serialize_f64(self, _: f64) -> Result<(), Unsupported> {
        Err(Unsupported)
    }

    fn serialize_char(self, _: char) -> Result<(), Unsupported> {
        Err(Unsupported)
    }

    fn serialize_str(self, value: &str) -> Result<(), Unsupported> {
        self.length(value.len());
        self.field(value.as_bytes(), "");
        Ok(())
    }

    /// Canonical bytes of an identifier or amount: they have no length before them.
    fn serialize_bytes(self, value: &[u8]) -> Result<(), Unsupported> {
        self.field(value, "");
        Ok(())
    }

    fn serialize_none(self) -> Result<(), Unsupported> {
        self.field(&[0], " (present)");
        Ok(())
    }

    fn serialize_some<T: Serialize + ?Sized>(self, value: &T) -> Result<(), Unsupported> {
        self.field(&[1], " (present)");
        value.serialize(self)
    }

    fn serialize_unit(self) -> Result<(), Unsupported> {
        Ok(())
    }

    fn serialize_unit_struct(self, _: &'static str) -> Result<(), Unsupported> {
        Ok(())
    }

    fn serialize_unit_variant(self, _: &'static str, index: u32, _: &'static str) -> Result<(), Unsupported> {
        self.tag(index);
        Ok(())
    }

    fn serialize_newtype_struct<T: Serialize + ?Sized>(self, _: &'static str, value: &T) -> Result<(), Unsupported> {
        value.serialize(self)
    }

    fn serialize_newtype_variant<T: Serialize + ?Sized>(
        self,
        _: &'static str,
        index: u32,
        variant: &'static str,
        value: &T,
    ) -> Result<(), Unsupported> {
        self.tag(index);
        self.under(Step::Name(variant), value)
    }

    fn serialize_seq(self, length: Option<usize>) -> Result<Elements<'a>, Unsupported> {
        self.length(length.ok_or(Unsupported)?);
        Ok(Elements { walk: self, index: 0, variant: false })
    }

    fn serialize_tuple(self, _: usize) -> Result<Elements<'a>, Unsupported> {
        Ok(Elements { walk: self, index: 0, variant: false })
    }

    fn serialize_tuple_struct(self, _: &'static str, length: usize) -> Result<Elements<'a>, Unsupported> {
        self.serialize_tuple(length)
    }

    fn serialize_tuple_variant(
        self,
        _: &'static str,
        index: u32,
        variant: &'static str,
        _: usize,
    ) -> Result<Elements<'a>, Unsupported> {
        self.tag(index);
        self.path.push(Step::Name(variant));
        Ok(Elements { walk: self, index: 0, variant: true })
    }

    fn serialize_map(self, _: Option<usize>) -> Result<Self::SerializeMap, Unsupported> {
        Err(Unsupported)
    }

    fn serialize_struct(self, _: &'static str, length: usize) -> Result<Elements<'a>, Unsupported> {
        self.serialize_tuple(length)
    }

    fn serialize_struct_variant(
        self,
        name: &'static str,
        index: u32,
        variant: &'static str,
        length: usize,
    ) -> Result<Elements<'a>, Unsupported> {
        self.serialize_tuple_variant(name, index, variant, length)
    }
}

macro_rules! elements {
    ($($kind:ident::$method:ident)+) => {$(
        impl ser::$kind for Elements<'_> {
            type Ok = ();
            type Error = Unsupported;

            fn $method<T: Serialize + ?Sized>(&mut self, value: &T) -> Result<(), Unsupported> {
                self.element(value)
            }

            fn end(self) -> Result<(), Unsupported> {
                self.finish()
            }
        }
    )+};
}
elements! {
    SerializeSeq::serialize_element
    SerializeTuple::serialize_element
    SerializeTupleStruct::serialize_field
    SerializeTupleVariant::serialize_field
}

macro_rules! named_elements {
    ($($kind:ident)+) => {$(
        impl ser::$kind for Elements<'_> {
            type Ok = ();
            type Error = Unsupported;

            fn serialize_field<T: Serialize + ?Sized>(
                &mut self,
                name: &'static str,
                value: &T,
            ) -> Result<(), Unsupported> {
                self.named(name, value)
            }

            fn skip_field(&mut self, name: &'static str) -> Result<(), Unsupported> {
                self.skipped(name)
            }

            fn end(self) -> Result<(), Unsupported> {
                self.finish()
            }
        }
    )+};
}
named_elements! { SerializeStruct SerializeStructVariant }
