//! What camt.053 and pain.001 have in common: nested elements with text, amounts in CNY, parties.

use quick_xml::Writer;
use quick_xml::events::{BytesDecl, BytesEnd, BytesStart, BytesText, Event};
use tally_contracts::types::Fen;

use super::text::{cut, yuan};

/// An ISO 20022 message as it is written; the schema's order of elements is the caller's business.
pub struct Message {
    writer: Writer<Vec<u8>>,
}

impl Message {
    /// The whole message: `Document` of the named schema, such as `camt.053.001.08`, around what `fill` writes.
    pub fn document(schema: &str, fill: impl FnOnce(&mut Self)) -> String {
        let mut message = Self { writer: Writer::new_with_indent(Vec::new(), b' ', 2) };
        message.event(Event::Decl(BytesDecl::new("1.0", Some("UTF-8"), None)));
        let namespace = format!("urn:iso:std:iso:20022:tech:xsd:{schema}");
        message.element(BytesStart::new("Document").with_attributes([("xmlns", namespace.as_str())]), fill);
        let text = String::from_utf8(message.writer.into_inner()).expect("XML of texts is text");
        text + "\n"
    }

    /// An element around others.
    pub fn within(&mut self, name: &str, fill: impl FnOnce(&mut Self)) {
        self.element(BytesStart::new(name), fill);
    }

    /// Elements within each other around a text: `["Cdtr", "Nm"]`.
    pub fn text(&mut self, path: &[&str], text: &str) {
        match path {
            [] => self.event(Event::Text(BytesText::new(text))),
            [name, rest @ ..] => self.within(name, |message| message.text(rest, text)),
        }
    }

    /// A name, cut to the 140 characters that ISO 20022 allows.
    pub fn name(&mut self, path: &[&str], name: &str) {
        self.text(path, &cut(name, 140));
    }

    /// An amount in CNY.
    pub fn amount(&mut self, name: &str, amount: Fen) {
        let start = BytesStart::new(name).with_attributes([("Ccy", "CNY")]);
        self.element(start, |message| message.text(&[], &yuan(amount)));
    }

    fn element(&mut self, start: BytesStart<'_>, fill: impl FnOnce(&mut Self)) {
        let end = BytesEnd::new(start.name().as_ref().to_owned());
        self.event(Event::Start(start));
        fill(self);
        self.event(Event::End(end));
    }

    fn event(&mut self, event: Event<'_>) {
        self.writer.write_event(event).expect("memory takes whatever is written");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_are_escaped_and_elements_nest() {
        let text = Message::document("camt.053.001.08", |message| {
            message.within("A", |message| {
                message.name(&["B", "Nm"], "<Café> & \"9\" ]]> 便利店");
                message.amount("Amt", Fen(1205));
            });
        });
        assert_eq!(
            text,
            "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n\
             <Document xmlns=\"urn:iso:std:iso:20022:tech:xsd:camt.053.001.08\">\n  <A>\n    <B>\n      \
             <Nm>&lt;Café&gt; &amp; &quot;9&quot; ]]&gt; 便利店</Nm>\n    </B>\n    <Amt Ccy=\"CNY\">12.05</Amt>\n  </A>\n</Document>\n"
        );
    }
}
