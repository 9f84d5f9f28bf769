// The documents that a first visit finds in its tabs, and those of their operations that the phone sends.
//
// There are four, because a server takes a document of five operations at most.

import data from "./data.graphql";
import devices from "./devices.graphql";
import opening from "./opening.graphql";
import profile from "./profile.graphql";

export type Operation =
  | "Login"
  | "SubmitUserInfo"
  | "Me"
  | "UpdateProfile"
  | "RevokeSession"
  | "RevokeOtherSessions"
  | "Logout"
  | "SubmitPhoneNumber"
  | "SubmitEncryptedPhoneNumber"
  | "RemovePhoneNumber"
  | "ExportMe"
  | "DeleteMe";

export const documents = [opening, profile, devices, data];

/** Where an operation of a document begins. */
export const headOf = (operation: Operation) => new RegExp(`^(query|mutation) ${operation}\\b`, "m");

export function documentWith(operation: Operation): string {
  return documents.find((text) => headOf(operation).test(text))!;
}
