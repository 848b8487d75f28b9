export const render = () => {};
export const scopeChanged = () => {};
export const arrived = () => {};
export const move = () => {};
