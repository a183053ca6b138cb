//! Schemas of what no one type stands for: problems, and plain bytes.

use utoipa::openapi::schema::{ObjectBuilder, Schema, Type};
use utoipa::openapi::{KnownFormat, Ref, RefOr, SchemaFormat};
use utoipa::{PartialSchema, ToSchema};

use crate::http::texts::{INTERNAL, TEXTS};

/// The body of a problem, as [`crate::http::Problem::body`] makes it.
pub struct ProblemBody;

/// The codes of problems: a closed list.
pub struct ProblemCode;

/// Bytes as they are.
pub struct Octets;

impl PartialSchema for ProblemBody {
    fn schema() -> RefOr<Schema> {
        let text = |about: &str| ObjectBuilder::new().schema_type(Type::String).description(Some(about));
        let number =
            |about: &str| ObjectBuilder::new().schema_type(Type::Integer).minimum(Some(0)).description(Some(about));
        let flag = |about: &str| ObjectBuilder::new().schema_type(Type::Boolean).description(Some(about));
        let named = |name: &str| Ref::from_schema_name(name);
        let problem = ObjectBuilder::new()
            .description(Some("What went wrong, and what to do next (RFC 9457)."))
            .property("type", text("Where the problem is explained."))
            .required("type")
            .property("title", text("What it is, in the asker's language."))
            .required("title")
            .property("status", number("The HTTP status."))
            .required("status")
            .property("code", named("ProblemCode"))
            .required("code")
            .property("detail", text("What is wrong in this case, and what to do next, in the asker's language."))
            .required("detail")
            .property("number", number("Of a rejection: the stable number of the rule."))
            .property("reference", named("Reference"))
            .property(
                "transaction_id",
                text("The transaction of the receipt, where there is one.")
                    .schema_type(utoipa::openapi::schema::SchemaType::from_iter([Type::String, Type::Null])),
            )
            .property("height", number("The block of the receipt; of a dry run the height it was judged on."))
            .property("index", number("The operation's position in that block."))
            .property("first", named("Place"))
            .property("retry_after_s", number("Try again after so many seconds."))
            .property("dry_run", flag("Nothing would have been taken: it was judged only."))
            .property("time_ms", number("Of a dry run: the block time it was judged by, in ms since 1970."));
        problem.into()
    }
}

impl ToSchema for ProblemBody {
    fn name() -> std::borrow::Cow<'static, str> {
        "Problem".into()
    }

    fn schemas(schemas: &mut Vec<(String, RefOr<Schema>)>) {
        schemas.push(("ProblemCode".to_owned(), ProblemCode::schema()));
        schemas.push(("Reference".to_owned(), tally_contracts::types::Reference::schema()));
        schemas.push(("Place".to_owned(), crate::query::index::Place::schema()));
    }
}

impl PartialSchema for ProblemCode {
    fn schema() -> RefOr<Schema> {
        let codes = TEXTS.iter().chain([&INTERNAL]).map(|text| text.code);
        let code = ObjectBuilder::new().schema_type(Type::String).enum_values(Some(codes));
        code.description(Some("A problem by its stable name. The list is closed.")).into()
    }
}

impl ToSchema for ProblemCode {}

impl PartialSchema for Octets {
    fn schema() -> RefOr<Schema> {
        let octets = ObjectBuilder::new().schema_type(Type::String);
        octets.format(Some(SchemaFormat::KnownFormat(KnownFormat::Binary))).into()
    }
}

impl ToSchema for Octets {}
