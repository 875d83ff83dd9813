// The delivery address: a summary, or the form.

import type { JSX } from 'preact';
import { useRef, useState } from 'preact/hooks';
import { MAX_LENGTHS, changeCountry, missingFields, requiredFields, trimAddress } from '../shop/address';
import { isChanging } from '../shop/model';
import { countries, regionsOf } from '../shop/places';
import type { Address, AddressField, Session } from '../shop/wire';
import { Spinner } from './icons';
import { classes, useView } from './view';

export function AddressSummary({ address, onEdit }: { address: Address | null; onEdit: (() => void) | null }): JSX.Element {
  const { text, locale } = useView();
  const country = address?.country ? countries([address.country], locale)[0]?.name : null;
  const place = [address?.city, address?.state, address?.postal_code].filter(Boolean).join(', ');
  const lines = [address?.name, address?.line_one, address?.line_two, place, country].filter(Boolean);
  return (
    <div class="known-address">
      <address>{address ? lines.map((line) => <span key={line}>{line}</span>) : text.delivery_kept}</address>
      {onEdit && <button type="button" class="quiet" onClick={onEdit}>{text.edit}</button>}
    </div>
  );
}

export function AddressForm({ session }: { session: Session }): JSX.Element {
  const { model, dispatch, text, locale } = useView();
  const offered = countries(model.shop?.countries ?? [], locale);
  const [address, setAddress] = useState<Address>(() => startWith(session.address, offered.map(({ code }) => code)));
  const [blank, setBlank] = useState<readonly AddressField[]>([]);
  const form = useRef<HTMLFormElement>(null);
  const busy = isChanging(model);
  const set = (field: AddressField, value: string): void => {
    setAddress((known) => (field === 'country' ? changeCountry(known, value) : { ...known, [field]: value }));
    setBlank((known) => known.filter((other) => other !== field));
  };
  const submit = (): void => {
    if (busy) return;
    const lacking = missingFields(address);
    setBlank(lacking);
    if (lacking.length === 0) dispatch({ type: 'address', address: trimAddress(address) });
    else form.current?.querySelector<HTMLElement>(`[name="${lacking[0]}"]`)?.focus();
  };
  const country = address.country ?? '';
  const fieldsOf = { address, blank, set, needed: requiredFields(country) };
  const choosesCountry = offered.length > 1 || address.country !== offered[0]?.code;
  return (
    // Sandboxed pages may not submit forms, not even to a script, so the button and Enter have handlers of their own.
    <form
      class="address" ref={form} noValidate aria-busy={busy} onSubmit={(event) => event.preventDefault()}
      onKeyDown={(event) => {
        if (event.key !== 'Enter' || !(event.target instanceof HTMLInputElement)) return;
        event.preventDefault();
        submit();
      }}
    >
      {choosesCountry && (
        <Field {...fieldsOf} field="country" label={text.country} autocomplete="country">
          {offered.map(({ code, name }) => <option key={code} value={code}>{name}</option>)}
        </Field>
      )}
      <Field {...fieldsOf} field="name" label={text.name} autocomplete="name" />
      <Field {...fieldsOf} field="line_one" label={text.line_one} autocomplete="address-line1" />
      <Field {...fieldsOf} field="line_two" label={text.line_two} autocomplete="address-line2" />
      <Field {...fieldsOf} field="city" label={text.city} autocomplete="address-level2" />
      <div class="pair">
        <RegionField {...fieldsOf} country={country} />
        <Field
          {...fieldsOf} field="postal_code" autocomplete="postal-code"
          label={country === 'US' ? text.zip : requiredFields(country).includes('postal_code') ? text.postal_code : text.postal_code_optional}
        />
      </div>
      {!choosesCountry && <p class="soft only-country">{offered[0]?.name}</p>}
      <div class="ways">
        <button type="button" class={session.address ? '' : 'main'} disabled={busy} onClick={submit}>
          {busy && <Spinner />}
          {session.address ? text.address_update : text.address_submit}
        </button>
        {session.address && model.editingAddress && session.options.length > 0 && (
          <button type="button" class="quiet" onClick={() => dispatch({ type: 'address_edit', open: false })}>
            {text.cancel_edit}
          </button>
        )}
      </div>
    </form>
  );
}

/** The initial address. A single country is preselected. */
function startWith(known: Address | null, offered: readonly string[]): Address {
  const [only] = offered;
  return known ?? (offered.length === 1 && only ? { country: only } : {});
}

interface FieldProps {
  readonly field: AddressField;
  readonly label: string;
  readonly autocomplete: string;
  readonly address: Address;
  readonly blank: readonly AddressField[];
  readonly needed: readonly AddressField[];
  readonly set: (field: AddressField, value: string) => void;
  readonly children?: JSX.Element | JSX.Element[];
}

function Field({ field, label, autocomplete, address, blank, needed, set, children }: FieldProps): JSX.Element {
  const { text } = useView();
  const wrong = blank.includes(field);
  const common = {
    id: `address-${field}`,
    name: field,
    autocomplete,
    value: address[field] ?? '',
    'aria-required': needed.includes(field),
    'aria-invalid': wrong,
    'aria-describedby': wrong ? `address-${field}-wrong` : undefined,
  };
  return (
    <div class={classes('field', wrong && 'wrong')}>
      <label for={common.id}>{label}</label>
      {children ? (
        <select {...common} onChange={(event) => set(field, event.currentTarget.value)}>
          {common.value === '' && <option value="">{text.choose}</option>}
          {children}
        </select>
      ) : (
        <input {...common} type="text" maxLength={MAX_LENGTHS[field]} onInput={(event) => set(field, event.currentTarget.value)} />
      )}
      {wrong && <p class="wrong-text" id={`address-${field}-wrong`}>{text.required}</p>}
    </div>
  );
}

function RegionField({ country, ...rest }: Omit<FieldProps, 'field' | 'label' | 'autocomplete'> & { country: string }): JSX.Element {
  const { text } = useView();
  const listed = regionsOf(country);
  const common = { ...rest, field: 'state', autocomplete: 'address-level1' } as const;
  if (listed.length === 0) return <Field {...common} label={rest.needed.includes('state') ? text.province : text.region} />;
  return (
    <Field {...common} label={country === 'US' ? text.state : text.province}>
      {listed.map(({ code, name }) => <option key={code} value={code}>{name}</option>)}
    </Field>
  );
}
