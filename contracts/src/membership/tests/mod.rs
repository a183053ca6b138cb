//! Rule tables of membership: enrolment, wallets with what they authorize, operator keys, kinds of holder.

mod enrol;
mod holders;
mod joining;
mod keys;
mod wallets;
