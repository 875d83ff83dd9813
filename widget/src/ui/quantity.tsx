// A quantity field with buttons to increase and decrease it.

import type { JSX } from 'preact';
import { useEffect, useState } from 'preact/hooks';
import { MAX_QUANTITY, clampQuantity } from '../shop/cart';
import { Minus, Plus } from './icons';
import { useView } from './view';

interface QuantityProps {
  readonly label: string;
  readonly value: number;
  readonly disabled: boolean;
  readonly onChange: (quantity: number) => void;
}

export function Quantity({ label, value, disabled, onChange }: QuantityProps): JSX.Element {
  const { text } = useView();
  const [typed, setTyped] = useState(String(value));
  useEffect(() => setTyped(String(value)), [value]);
  const settle = (): void => {
    const quantity = clampQuantity(Number(typed.trim() === '' ? value : typed));
    setTyped(String(quantity));
    if (quantity !== value) onChange(quantity);
  };
  return (
    <div class="quantity" role="group" aria-label={label}>
      <button type="button" aria-label={text.less} disabled={disabled || value <= 1} onClick={() => onChange(value - 1)}>
        <Minus />
      </button>
      <input
        type="text" inputMode="numeric" autocomplete="off" aria-label={label} value={typed} disabled={disabled}
        maxLength={3}
        onInput={(event) => setTyped(event.currentTarget.value.replace(/\D/g, ''))}
        onBlur={settle}
        onKeyDown={(event) => event.key === 'Enter' && settle()}
      />
      <button
        type="button" aria-label={text.another} disabled={disabled || value >= MAX_QUANTITY}
        onClick={() => onChange(value + 1)}
      >
        <Plus />
      </button>
    </div>
  );
}
