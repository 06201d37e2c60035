//! One operation of the document, and the schemas that the operations share.

use crate::pipeline::refusal::Refusal;
use schemars::generate::{SchemaGenerator, SchemaSettings};
use schemars::{JsonSchema, Schema};
use serde::Serialize;
use serde_json::{Map, Value, json};

/// What the document says of one route.
pub struct Operation {
    /// The name of the operation, for generated clients.
    pub id: &'static str,
    /// What the operation does, in a few words.
    pub summary: &'static str,
    /// What the caller must know.
    pub description: String,
    /// The name of the part of the path at `{}`. Empty if the path has no such part.
    pub part: &'static str,
    /// The parameters, as objects of OpenAPI.
    pub parameters: Vec<Value>,
    /// The body of the request, as an object of OpenAPI.
    pub request: Option<Value>,
    /// The answer 200, as an object of OpenAPI.
    pub answer: Value,
    /// What the answer 204 means, if the route has one.
    pub no_content: Option<&'static str>,
    /// The refusals beside those that each route has.
    pub refusals: Vec<Refusal>,
    /// Whether a call may have no token.
    pub needs_no_token: bool,
}

impl Operation {
    /// An operation with its answer 200.
    pub fn new(id: &'static str, summary: &'static str, description: &str, answer: Value) -> Self {
        Self {
            id,
            summary,
            description: description.to_owned(),
            part: "",
            parameters: Vec::new(),
            request: None,
            answer,
            no_content: None,
            refusals: Vec::new(),
            needs_no_token: false,
        }
    }

    /// With the part of the path at `{}`.
    pub fn part(mut self, name: &'static str, description: &str, schema: &Value) -> Self {
        self.part = name;
        self.parameters.push(json!({
            "in": "path", "name": name, "required": true, "description": description, "schema": schema,
        }));
        self
    }

    /// With parameters of the query.
    pub fn query(mut self, parameters: impl IntoIterator<Item = Value>) -> Self {
        self.parameters.extend(parameters);
        self
    }

    /// With a body.
    pub fn body(mut self, body: Value) -> Self {
        self.request = Some(body);
        self
    }

    /// With refusals beside those that each route has.
    pub fn refuses(mut self, refusals: impl IntoIterator<Item = Refusal>) -> Self {
        self.refusals.extend(refusals);
        self
    }
}

/// The schemas of types. An answer has each member that serde writes. A body may lack each member that serde does not need.
pub struct Schemas {
    answers: SchemaGenerator,
    bodies: SchemaGenerator,
}

impl Default for Schemas {
    fn default() -> Self {
        let settings = || {
            SchemaSettings::draft2020_12().with(|settings| {
                "/components/schemas".clone_into(settings.definitions_path.to_mut());
                settings.meta_schema = None;
            })
        };
        Self {
            answers: settings().for_serialize().into_generator(),
            bodies: settings().for_deserialize().into_generator(),
        }
    }
}

impl Schemas {
    /// A reference to the schema of an answer.
    pub fn answer<T: JsonSchema>(&mut self) -> Schema {
        self.answers.subschema_for::<T>()
    }

    /// The answer 200 with the JSON of a `T`.
    pub fn ok<T: JsonSchema + Serialize>(&mut self, description: &str, example: &T) -> Value {
        let media = json!({ "schema": self.answer::<T>(), "example": json_of(example) });
        json!({ "description": description, "content": { "application/json": media } })
    }

    /// A body with the JSON of a `T`.
    pub fn body<T: JsonSchema>(&mut self, is_required: bool, description: &str, example: &Value) -> Value {
        let media = json!({ "schema": self.bodies.subschema_for::<T>(), "example": example });
        json!({ "required": is_required, "description": description, "content": { "application/json": media } })
    }

    /// All schemas that were referred to.
    pub fn definitions(mut self) -> Map<String, Value> {
        let mut all = self.answers.take_definitions(true);
        all.extend(self.bodies.take_definitions(true));
        all
    }
}

#[expect(clippy::expect_used, reason = "an answer is an object of texts and numbers")]
fn json_of(example: &impl Serialize) -> Value {
    serde_json::to_value(example).expect("an answer is an object of texts and numbers")
}
