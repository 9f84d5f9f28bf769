// Who holds the phone: somebody known, or somebody new by any name.

import { Button } from "@graphiql/react";
import { type FormEvent, useState } from "react";
import { handTo, usePhone } from "./state";

export function PersonWithPhone() {
  const { people, person } = usePhone();
  const [isNaming, setNaming] = useState(false);

  function name(event: FormEvent<HTMLFormElement>) {
    event.preventDefault();
    const chosen = String(new FormData(event.currentTarget).get("name")).trim();
    if (chosen) handTo(chosen);
    setNaming(false);
  }

  return (
    <div className="phone-person">
      <span className="phone-face" aria-hidden="true">
        {[...person][0]?.toUpperCase()}
      </span>
      {isNaming ? (
        <form onSubmit={name}>
          <input name="name" aria-label="Name of the new person" placeholder="Any name" maxLength={64} autoFocus />
          <Button type="submit">Make</Button>
        </form>
      ) : (
        <>
          <select aria-label="Who holds the phone" value={person} onChange={(event) => handTo(event.target.value)}>
            {people.map((known) => (
              <option key={known}>{known}</option>
            ))}
          </select>
          <Button type="button" onClick={() => setNaming(true)}>
            New person
          </Button>
        </>
      )}
    </div>
  );
}
