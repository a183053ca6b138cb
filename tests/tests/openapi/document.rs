//! The document: its operations, its examples, and its schemas as judges of what is sent and answered.

use std::collections::BTreeMap;

use anyhow::{Context as _, Result, bail, ensure};
use serde_json::{Map, Value, json};

use crate::walk::Answer;

/// The served description.
pub struct Document {
    root: Value,
    operations: BTreeMap<String, Operation>,
}

/// One path and method.
pub struct Operation {
    pub method: String,
    pub path: String,
    pub value: Value,
}

/// One example: a request, and the answer that belongs to it.
#[derive(Clone, Debug, Default)]
pub struct Step {
    pub operation: String,
    pub name: String,
    pub summary: String,
    pub parameters: BTreeMap<String, Value>,
    /// Media type and value.
    pub body: Option<(String, Value)>,
    pub status: u16,
    /// As recorded: `status`, `type`, `value`.
    pub answer: Value,
}

impl Step {
    /// As the file of examples has it.
    pub fn to_json(&self) -> Value {
        let mut step = json!({ "operation": self.operation, "name": self.name, "summary": self.summary });
        if !self.parameters.is_empty() {
            step["parameters"] = json!(self.parameters);
        }
        if let Some((kind, value)) = &self.body {
            step["body"] = json!({ "type": kind, "value": value });
        }
        step["answer"] = self.answer.clone();
        step
    }
}

impl Document {
    pub fn read(root: Value) -> Result<Self> {
        ensure!(root["openapi"] == "3.1.0", "{}", root["openapi"]);
        let mut operations = BTreeMap::new();
        for (path, methods) in root["paths"].as_object().context("paths")? {
            for (method, value) in methods.as_object().context("methods")? {
                let id = value["operationId"].as_str().with_context(|| format!("{method} {path} has no id"))?;
                let (method, path) = (method.to_uppercase(), path.clone());
                let known = operations.insert(id.to_owned(), Operation { method, path, value: value.clone() });
                ensure!(known.is_none(), "two operations are called {id}");
            }
        }
        Ok(Self { root, operations })
    }

    pub fn operations(&self) -> impl Iterator<Item = &str> {
        self.operations.keys().map(String::as_str)
    }

    pub fn operation(&self, id: &str) -> Result<&Operation> {
        self.operations.get(id).with_context(|| format!("there is no operation {id}"))
    }

    /// Every example, in the order in which they work.
    pub fn steps(&self) -> Result<Vec<Step>> {
        let mut steps = BTreeMap::new();
        for (id, operation) in &self.operations {
            for (status, response) in operation.value["responses"].as_object().context("responses")? {
                for (kind, content) in members(&response["content"]) {
                    for (name, example) in members(&content["examples"]) {
                        let number =
                            example["x-step"].as_u64().with_context(|| format!("{id} {name} has no x-step"))?;
                        let step = self.step(id, operation, name, (status, kind, example))?;
                        ensure!(steps.insert(number, step).is_none(), "two examples are step {number}");
                    }
                }
            }
        }
        Ok(steps.into_values().collect())
    }

    fn step(
        &self,
        id: &str,
        operation: &Operation,
        name: &str,
        (status, kind, example): (&str, &str, &Value),
    ) -> Result<Step> {
        let of = |parameter: &Value| {
            let value = parameter["examples"].get(name)?["value"].clone();
            Some((parameter["name"].as_str()?.to_owned(), value))
        };
        let parameters = operation.value["parameters"].as_array().into_iter().flatten().filter_map(of).collect();
        let body = members(&operation.value["requestBody"]["content"])
            .find_map(|(kind, content)| Some((kind.to_owned(), content["examples"].get(name)?["value"].clone())));
        // A problem that all operations share says its status itself.
        let status = match status {
            "default" => example["value"]["status"].as_u64().context("a problem has a status")?,
            status => status.parse()?,
        };
        Ok(Step {
            operation: id.to_owned(),
            name: name.to_owned(),
            summary: String::new(),
            parameters,
            body,
            status: u16::try_from(status)?,
            answer: json!({ "type": kind, "value": example["value"] }),
        })
    }

    /// The example's parameters and body are what the description says.
    pub fn check_request(&self, step: &Step) -> Result<()> {
        let operation = &self.operation(&step.operation)?.value;
        for parameter in operation["parameters"].as_array().into_iter().flatten() {
            let name = parameter["name"].as_str().context("a name")?;
            match step.parameters.get(name) {
                // A request that is refused may be wrong in itself.
                Some(_) if step.status >= 400 => {}
                Some(value) => self.validate(&parameter["schema"], value).context(name.to_owned())?,
                None => ensure!(parameter["required"] != true || step.status >= 400, "{name} is required"),
            }
        }
        match &step.body {
            Some((kind, value)) if step.status != 400 => {
                let schema = &operation["requestBody"]["content"][kind]["schema"];
                ensure!(schema.is_object(), "{kind} is no type of this request");
                self.validate_as(kind, schema, value)
            }
            _ => Ok(()),
        }
    }

    /// The recorded answer and the one that came are what the description says.
    pub fn check_answer(&self, step: &Step, answer: &Answer) -> Result<()> {
        let responses = &self.operation(&step.operation)?.value["responses"];
        let response = responses.get(step.status.to_string()).unwrap_or(&responses["default"]);
        let kind = answer.media_type.as_str();
        let schema = &response["content"][kind]["schema"];
        ensure!(schema.is_object(), "{kind} is no type of a {} here", step.status);
        for header in members(&response["headers"]).map(|(name, _)| name) {
            let is_optional = header == "Retry-After";
            ensure!(is_optional || answer.header(header).is_some(), "the answer has no {header}");
        }
        self.validate_as(kind, schema, &step.answer["value"]).context("as recorded")?;
        self.validate_as(kind, schema, &answer.example()?)
    }

    /// What the steps cannot show: that each kind of body and each answer has its example.
    pub fn check_completeness(&self) -> Result<()> {
        let has_example =
            |content: &Value| content["examples"].as_object().is_some_and(|examples| !examples.is_empty());
        for (id, operation) in &self.operations {
            for (kind, content) in members(&operation.value["requestBody"]["content"]) {
                ensure!(has_example(content), "{id}: a body of type {kind} has no example");
            }
            for (status, response) in members(&operation.value["responses"]) {
                for (kind, content) in members(&response["content"]) {
                    ensure!(has_example(content), "{id}: a {status} of type {kind} has no example");
                }
            }
            let security = &operation.value["security"];
            let is_open = *security == json!([{}]);
            ensure!(is_open || security.is_null(), "{id}: {security}");
            // With the token in the path, none is asked for besides.
            let takes_token = operation.path.starts_with("/v1/") || operation.path == "/ethereum";
            ensure!(is_open != takes_token || id == "getProblem", "{id}: who may ask?");
        }
        ensure!(self.root["security"] == json!([{ "bearer": [] }]), "{}", self.root["security"]);
        Ok(())
    }

    fn validate_as(&self, kind: &str, schema: &Value, value: &Value) -> Result<()> {
        match kind {
            "application/json" | "application/problem+json" => self.validate(schema, value),
            "application/x-ndjson" => {
                for line in value.as_str().context("lines")?.lines().filter(|line| !line.trim().is_empty()) {
                    self.validate(schema, &serde_json::from_str(line)?).context(line.to_owned())?;
                }
                Ok(())
            }
            "text/event-stream" => self.validate_events(value.as_str().context("text")?),
            "application/octet-stream" | "text/plain" => {
                ensure!(value.as_str().is_some_and(|text| !text.is_empty()), "nothing was answered");
                Ok(())
            }
            _ => bail!("nothing is known of {kind}"),
        }
    }

    fn validate_events(&self, text: &str) -> Result<()> {
        for event in text.split("\n\n").filter(|event| event.contains("data:")) {
            let field = |name: &str| {
                let line = event.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(':'));
                line.map(str::trim_start).with_context(|| format!("no {name} in {event}"))
            };
            let schema = match field("event")? {
                "operation" => "OperationEvent",
                "due" => "DueEvent",
                "block" => "BlockEvent",
                other => bail!("an event `{other}`"),
            };
            let (height, index) = field("id")?.split_once('-').context("an id")?;
            let data: Value = serde_json::from_str(field("data")?)?;
            ensure!(data["height"] == json!(height.parse::<u64>()?), "{event}");
            index.parse::<u32>()?;
            self.validate(&json!({ "$ref": format!("#/components/schemas/{schema}") }), &data)?;
        }
        Ok(())
    }

    /// Judges a value by a schema of the document. Fields that the schema does not know are an error as well.
    fn validate(&self, schema: &Value, value: &Value) -> Result<()> {
        let mut root = json!({ "$schema": "https://json-schema.org/draft/2020-12/schema" });
        let components = members(&self.root["components"]["schemas"]);
        let components: Map<String, Value> =
            components.map(|(name, schema)| (name.to_owned(), inner(schema))).collect();
        root["components"] = json!({ "schemas": components });
        root["allOf"] = json!([closed(schema)]);
        let validator = jsonschema::draft202012::new(&root).map_err(|e| anyhow::anyhow!("the schema: {e}"))?;
        let faults: Vec<String> = validator.iter_errors(value).map(|e| format!("{}: {e}", e.instance_path())).collect();
        ensure!(faults.is_empty(), "{}\nin {value}", faults.join("\n"));
        Ok(())
    }
}

/// A schema that stands for a whole value: no member that it does not evaluate is let pass.
fn closed(schema: &Value) -> Value {
    let mut schema = inner(schema);
    let is_object = schema.get("$ref").is_some() || schema.get("properties").is_some() || schema.get("allOf").is_some();
    if is_object && schema.get("additionalProperties").is_none() {
        schema["unevaluatedProperties"] = json!(false);
    }
    schema
}

/// A schema whose parts that stand for whole values are closed. Parts of an `allOf` are halves of one value.
fn inner(schema: &Value) -> Value {
    let mut schema = schema.clone();
    let Value::Object(members) = &mut schema else { return schema };
    for (name, part) in members {
        match (name.as_str(), part) {
            ("properties", Value::Object(properties)) => properties.values_mut().for_each(|p| *p = closed(p)),
            ("items", part) => *part = closed(part),
            ("oneOf" | "anyOf", Value::Array(parts)) => parts.iter_mut().for_each(|p| *p = closed(p)),
            ("allOf", Value::Array(parts)) => parts.iter_mut().for_each(|p| *p = inner(p)),
            _ => {}
        }
    }
    schema
}

/// The members of an object; of anything else none.
fn members(value: &Value) -> impl Iterator<Item = (&str, &Value)> {
    value.as_object().into_iter().flatten().map(|(name, value)| (name.as_str(), value))
}
