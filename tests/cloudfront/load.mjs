// The CloudFront Function as CloudFront would run it: its modules are given to it, its functions are handed out.
import { createHmac } from 'node:crypto';
import { readFileSync } from 'node:fs';

export const source = readFileSync(new URL('../../cdn-config/cloudfront/delivery.js', import.meta.url), 'utf8');

// keys: text of the key-value store's entry, or null when it cannot be read.
export function load(keys) {
    const cf = {
        kvs: () => ({
            get: async (name) => {
                if (keys === null || name !== 'keys')
                    throw new Error('no such key');
                return keys;
            },
        }),
    };
    const body = source.replace(/^import (\w+) from '\w+';$/gm, '');
    return new Function('crypto', 'cf', `${body}\nreturn { handler, verify, negotiate };`)({ createHmac }, cf);
}
