// What all peers share: one statement, as h runs it, and the schema of `me`.

import { createHash } from "node:crypto";

import pg from "pg";

const [, , port, directory, database] = process.argv;

export const listen = { host: "127.0.0.1", port: Number(port) };

export const typeDefs = `
  enum Gender { UNKNOWN MALE FEMALE }
  type User {
    id: ID!
    nickName: String
    avatarUrl: String
    gender: Gender!
    city: String
    province: String
    country: String
    language: String
  }
  type Query { me: User }
`;

const SQL = `
  SELECT u.id, u.nick_name, u.avatar_url, u.gender, u.city, u.province, u.country, u.language
  FROM sessions s JOIN users u ON u.id = s.user_id
  WHERE s.token_hash = $1 AND s.expires_at > $2`;
const GENDERS = ["UNKNOWN", "MALE", "FEMALE"];

const pool = new pg.Pool({ host: directory, user: "postgres", database, max: 10 });

/** The person whose token the header `Authorization` holds, or null. */
export async function findUser(authorization = "") {
  const hash = createHash("sha256").update(authorization.slice("Bearer ".length)).digest("base64url");
  // A name makes it a prepared statement.
  const { rows } = await pool.query({ name: "me", text: SQL, values: [hash, Date.now()] });
  if (rows.length === 0) return null;
  const [row] = rows;
  return {
    id: row.id,
    nickName: row.nick_name,
    avatarUrl: row.avatar_url,
    gender: GENDERS[row.gender],
    city: row.city,
    province: row.province,
    country: row.country,
    language: row.language,
  };
}
